-- One row: up to which moment events are known, going by the micro-batches up to $batch_id. Null before the first.
-- params: $batch_id
select max(last_event_at) as watermark
from micro_batches
where batch_id <= $batch_id
