-- Compare and set: moves the progress of scoring, of some buckets, if it still is what was read.
-- Touches as many rows as there are buckets, or fewer where it is something else. Compares expressions, as
-- advance_checkpoint does, and for the same reason.
-- params: $stage, $buckets, $after, $upto, $from_time, $as_of, $now
update checkpoints
set batch_id = $upto, as_of = $as_of, updated_at = $now
where
    concat(stage, '') = $stage and abs(batch_id) = $after and list_contains($buckets, bucket)
    and coalesce(as_of, timestamp '1970-01-01') = coalesce(cast($from_time as timestamp), timestamp '1970-01-01')
