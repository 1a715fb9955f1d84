-- Compare and set: advances a stage's checkpoint if it is still what was read: micro-batch $after and, of scoring, the
-- moment $from_time; null in the other stages. Updates no row if the checkpoint has changed.
-- Compares expressions: otherwise DuckLake would read the statistics of every file of the lake for this small table.
-- Ids of micro-batches are above 0; DuckDB would simplify `batch_id + 0` to the column.
-- params: $stage, $after, $upto, $from_time, $as_of, $now
update checkpoints
set batch_id = $upto, as_of = cast($as_of as timestamp), updated_at = $now
where
    concat(stage, '') = $stage and abs(batch_id) = $after
    and coalesce(as_of, timestamp '1970-01-01') = coalesce(cast($from_time as timestamp), timestamp '1970-01-01')
