-- One row: the last micro-batch that a stage has processed; none where the stage has no checkpoint yet.
-- Compares expressions: otherwise DuckLake would read the statistics of every file of the lake for this small table.
-- params: $stage
select
    batch_id,
    as_of
from checkpoints
where concat(stage, '') = $stage
