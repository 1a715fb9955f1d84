-- One row: micro-batches committed since a time, their rows, and the first of them whose events' lag says something:
-- those up to the first monitoring run may be a history.
-- params: $since
with ledger as (
    select *
    from micro_batches
    where committed_at >= $since
)

select
    count(*) as micro_batches,
    cast(coalesce(sum(rows_stored), 0) as bigint) as rows_stored,
    cast(coalesce(sum(rows_rejected), 0) as bigint) as rows_rejected,
    min(batch_id) filter (where batch_id > (select min(monitoring.batch_id) from monitoring)) as first_measured
from ledger
