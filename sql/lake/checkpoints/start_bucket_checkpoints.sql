-- Inserts a stage's checkpoint for each bucket of users, starting from its checkpoint from before it was split.
-- params: $stage, $buckets, $now
insert into checkpoints (stage, bucket, batch_id, updated_at)
select
    $stage,
    unnest($buckets),
    coalesce((select max(batch_id) from checkpoints where stage = $stage), 0),
    $now
