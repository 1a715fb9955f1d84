-- One row: the last micro-batch that a stage has processed, of every user.
-- Compares expressions, or DuckLake would look through the statistics of every file of the lake for this small table.
-- params: $stage
select min(batch_id) as batch_id
from checkpoints
where concat(stage, '') = $stage
