-- One row: the span of time in which an earlier copy of an arriving event_id could have counted.
-- Nulls where none could.
-- params: none
select
    min(opened_at) as from_time,
    max(closes_at) as to_time
from arriving_ids
