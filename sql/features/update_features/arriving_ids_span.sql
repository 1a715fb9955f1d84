-- One row: the span of time in which an earlier copy of an arriving event_id could have counted.
-- Nulls where none could.
-- params: none
select
    min(window_start) as from_time,
    max(window_end) as to_time
from arriving_ids
