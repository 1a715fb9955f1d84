-- One row per time step: rows stored and rejected, by commit time of their micro-batch.
-- params: $since, $until, $step_seconds
select
    time_bucket(to_seconds($step_seconds), committed_at, cast($since as timestamp)) as step_at,
    cast(sum(rows_stored) as bigint) as rows_stored,
    cast(sum(rows_rejected) as bigint) as rows_rejected
from micro_batches
where committed_at >= $since and committed_at < $until
group by all
order by all
