-- One row: the last micro-batch that a stage has processed for all users.
-- Compares expressions: otherwise DuckLake would read the statistics of every file of the lake for this small table.
-- params: $stage
select min(batch_id) as batch_id
from checkpoints
where concat(stage, '') = $stage
