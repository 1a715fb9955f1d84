-- One row: the time span in which an earlier copy of a new event_id could have been counted.
-- Nulls if there is none.
-- params: none
select
    min(window_start) as from_time,
    max(window_end) as to_time
from arriving_ids
