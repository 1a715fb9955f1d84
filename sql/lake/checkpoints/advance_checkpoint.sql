-- Compare and set: moves a stage's progress, of some buckets or, with null, of all, if it still says what was read.
-- Touches as many rows as there are buckets, or fewer where it says something else.
-- Compares expressions, or DuckLake would look through the statistics of every file of the lake for this small table.
-- Numbers of micro-batches are above 0; of `batch_id + 0` DuckDB would make the column again.
-- params: $stage, $buckets, $after, $upto, $now
update checkpoints
set batch_id = $upto, updated_at = $now
where concat(stage, '') = $stage and abs(batch_id) = $after and ($buckets is null or list_contains($buckets, bucket))
