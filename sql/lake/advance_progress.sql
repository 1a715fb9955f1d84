-- Compare and set: moves a stage's progress, of some buckets or, with null, of all, if it still says what was read.
-- Touches as many rows as there are buckets, or fewer where it says something else.
-- Compares expressions, or DuckLake would look through the statistics of every file of the lake for this small table.
-- params: $stage, $buckets, $after, $upto, $now
update progress
set batch_id = $upto, updated_at = $now
where concat(stage, '') = $stage and batch_id + 0 = $after and ($buckets is null or list_contains($buckets, bucket))
