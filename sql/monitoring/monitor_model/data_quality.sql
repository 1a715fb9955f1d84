-- One row: the share of rejected rows, and the lag from an event to its storage, in seconds.
-- params: $after, $upto
with ledger as (
    select sum(rows_rejected) / greatest(sum(rows_stored + rows_rejected), 1) as rejected_share
    from micro_batches
    where batch_id > $after and batch_id <= $upto
),

delays as (
    select epoch(ingested_at) - epoch(event_time) as seconds
    from events
    where batch_id > $after and batch_id <= $upto
)

select
    ledger.rejected_share,
    (select median(seconds) from delays) as lag_seconds_median,
    (select quantile_cont(seconds, 0.95) from delays) as lag_seconds_p95
from ledger
