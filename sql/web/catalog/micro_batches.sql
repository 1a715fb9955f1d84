-- One row per micro-batch, newest first, with its number of landing files.
-- params: $row_limit
with files as (
    select
        batch_id,
        count(*) as files,
        sum(bytes) as bytes
    from consumed_files
    group by batch_id
)

select
    micro_batches.batch_id,
    micro_batches.rows_stored,
    micro_batches.rows_rejected,
    cast(coalesce(files.files, 0) as bigint) as files,
    cast(coalesce(files.bytes, 0) as bigint) as bytes,
    micro_batches.airflow_run,
    micro_batches.started_at,
    micro_batches.committed_at
from micro_batches
left join files on micro_batches.batch_id = files.batch_id
order by micro_batches.batch_id desc
limit $row_limit
