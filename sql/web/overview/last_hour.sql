-- One row: micro-batches committed since a time, and their rows.
-- params: $since
select
    count(*) as micro_batches,
    cast(coalesce(sum(rows_stored), 0) as bigint) as rows_stored,
    cast(coalesce(sum(rows_rejected), 0) as bigint) as rows_rejected
from micro_batches
where committed_at >= $since
