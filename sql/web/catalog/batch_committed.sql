-- One row, or none: when a micro-batch was committed.
-- params: $batch_id
select committed_at
from micro_batches
where batch_id = $batch_id
