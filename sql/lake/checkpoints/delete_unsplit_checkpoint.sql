-- Deletes a stage's checkpoint from before it was split by buckets of users.
-- params: $stage
delete from checkpoints
where stage = $stage and bucket is null
