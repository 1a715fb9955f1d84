-- One row: the moment as of which a micro-batch is scored. It is that of its commit, the same in each attempt.
-- Compares an expression, or DuckLake would look through the statistics of every file for this small table.
-- params: $batch_id
select committed_at as as_of
from micro_batches
where abs(batch_id) = $batch_id
