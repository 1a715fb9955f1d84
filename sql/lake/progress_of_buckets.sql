-- One row per bucket of users: the last micro-batch that a stage has processed of them.
-- params: $stage, $buckets
select
    bucket,
    batch_id
from progress
where stage = $stage and list_contains($buckets, bucket)
order by batch_id, bucket
