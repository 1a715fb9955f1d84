-- Removes a stage's progress from before it was split by buckets of users.
-- params: $stage
delete from checkpoints
where stage = $stage and bucket is null
