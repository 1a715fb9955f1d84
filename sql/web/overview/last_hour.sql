-- One row: micro-batches committed since a time, their rows, and the lag from an event to its storage in seconds: the
-- median of each, then the median over them. Micro-batches up to the first monitoring run may be a history, whose
-- events have no lag that says anything.
-- params: $since
with ledger as (
    select *
    from micro_batches
    where committed_at >= $since
),

delays as (
    select median(epoch(ingested_at) - epoch(event_time)) as lag
    from events
    where
        batch_id >= (select min(ledger.batch_id) from ledger)
        and batch_id > (select min(monitoring.batch_id) from monitoring)
    group by batch_id
)

select
    count(*) as micro_batches,
    cast(coalesce(sum(rows_stored), 0) as bigint) as rows_stored,
    cast(coalesce(sum(rows_rejected), 0) as bigint) as rows_rejected,
    (select median(delays.lag) from delays) as lag_seconds
from ledger
