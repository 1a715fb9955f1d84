-- Begins a stage's progress of each bucket of users: from how far it had come when it was not split yet.
-- params: $stage, $buckets, $now
insert into checkpoints (stage, bucket, batch_id, updated_at)
select
    $stage,
    unnest($buckets),
    coalesce((select max(batch_id) from checkpoints where stage = $stage), 0),
    $now
