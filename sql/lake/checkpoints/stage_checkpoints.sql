-- One row per bucket of users, or one for a stage that is not split by users: the last micro-batch it has processed.
-- With null for the buckets, all.
-- Compares expressions: otherwise DuckLake would read the statistics of every file of the lake for this small table.
-- params: $stage, $buckets
select
    bucket,
    batch_id,
    as_of
from checkpoints
where concat(stage, '') = $stage and ($buckets is null or list_contains($buckets, bucket))
order by batch_id, bucket
