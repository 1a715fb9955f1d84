-- Compare and set: advances a stage's checkpoint, of some buckets or, with null, of all, if it is still $after.
-- Updates one row per bucket, or fewer if a checkpoint has changed.
-- Compares expressions: otherwise DuckLake would read the statistics of every file of the lake for this small table.
-- Ids of micro-batches are above 0; DuckDB would simplify `batch_id + 0` to the column.
-- params: $stage, $buckets, $after, $upto, $now
update checkpoints
set batch_id = $upto, updated_at = $now
where concat(stage, '') = $stage and abs(batch_id) = $after and ($buckets is null or list_contains($buckets, bucket))
