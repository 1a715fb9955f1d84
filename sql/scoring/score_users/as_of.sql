-- One row: the moment as of which a micro-batch is scored. It is that of its commit, the same in each attempt.
-- params: $batch_id
select committed_at as as_of
from micro_batches
where batch_id = $batch_id
