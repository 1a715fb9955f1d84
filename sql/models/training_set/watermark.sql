-- One row: the time up to which events are complete, as of the micro-batches up to $batch_id. Null before the first.
-- params: $batch_id
select max(last_event_at) as watermark
from micro_batches
where batch_id <= $batch_id
