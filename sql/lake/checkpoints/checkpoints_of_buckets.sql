-- One row per bucket of users: the last micro-batch that a stage has processed for it.
-- Compares expressions: otherwise DuckLake would read the statistics of every file of the lake for this small table.
-- params: $stage, $buckets
select
    bucket,
    batch_id,
    as_of
from checkpoints
where concat(stage, '') = $stage and list_contains($buckets, bucket)
order by batch_id, bucket
