-- Compare and set: moves a stage's progress, of some buckets or, with null, of all, if it still says what was read.
-- Touches as many rows as there are buckets, or fewer where it says something else.
-- params: $stage, $buckets, $after, $upto, $now
update progress
set batch_id = $upto, updated_at = $now
where stage = $stage and batch_id = $after and ($buckets is null or list_contains($buckets, bucket))
