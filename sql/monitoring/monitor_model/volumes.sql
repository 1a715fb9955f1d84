-- One row per event type: the number of events in the current micro-batches.
-- params: $after, $upto
select
    event_type,
    count(*) as row_count
from events
where batch_id > $after and batch_id <= $upto
group by event_type
order by event_type
