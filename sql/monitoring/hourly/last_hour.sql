-- One row: the first of the micro-batches committed since a time, their share of rejected rows, and that of quarantined
-- files. Nulls where there was none.
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
)

select
    (select min(batch_id) from ledger) as first_batch,
    (select sum(rows_rejected) / nullif(sum(rows_stored + rows_rejected), 0) from ledger) as rejected_share,
    (select count(*) from quarantined) / nullif((select count(*) from files), 0) as quarantined_share
