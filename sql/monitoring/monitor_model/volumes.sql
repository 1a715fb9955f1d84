-- One row per event type: how many events arrived in the micro-batches at hand.
-- params: $after, $upto
select
    event_type,
    count(*) as row_count
from events
where batch_id > $after and batch_id <= $upto
group by event_type
order by event_type
