-- One row: of the micro-batches committed since a time, the share of rejected rows, the share of quarantined files, and
-- the lag from an event to its storage, in seconds: the median and 95th percentile of each, then the median over them,
-- as a file of old events is no lag of the others. Nulls where there was none.
-- params: $since
with ledger as (
    select
        batch_id,
        rows_stored,
        rows_rejected
    from micro_batches
    where committed_at >= $since
),

quarantined as (
    select distinct source_file
    from rejected_events
    where row_number is null and rejected_at >= $since
),

files as (
    select consumed_files.source_file
    from consumed_files
    inner join ledger on consumed_files.batch_id = ledger.batch_id
    union
    select source_file
    from quarantined
),

delays as (
    select
        batch_id,
        median(epoch(ingested_at) - epoch(event_time)) as lag_median,
        quantile_cont(epoch(ingested_at) - epoch(event_time), 0.95) as lag_p95
    from events
    where batch_id >= (select min(ledger.batch_id) from ledger)
    group by batch_id
)

select
    (select sum(rows_rejected) / nullif(sum(rows_stored + rows_rejected), 0) from ledger) as rejected_share,
    (select count(*) from quarantined) / nullif((select count(*) from files), 0) as quarantined_share,
    (select median(lag_median) from delays) as lag_seconds_median,
    (select median(lag_p95) from delays) as lag_seconds_p95
