-- One row: the first and the last micro-batch whose rows a data file holds, as the catalog noted when it was written.
-- params: $data_file
with stored as (
    select
        try_cast(stats.min_value as bigint) as first_batch,
        try_cast(stats.max_value as bigint) as last_batch
    from __ducklake_metadata_lake.ducklake_file_column_stats as stats
    inner join __ducklake_metadata_lake.ducklake_data_file as files on stats.data_file_id = files.data_file_id
    inner join
        __ducklake_metadata_lake.ducklake_column as columns
        on stats.table_id = columns.table_id and stats.column_id = columns.column_id
    where columns.column_name = 'batch_id' and ends_with($data_file, files.path)
)

select
    min(first_batch) as first_batch,
    max(last_batch) as last_batch
from stored
