-- One row per table of the use case, the largest first: its Parquet files, and its rows by the catalog's count of each
-- file. row_count is null where a file that was merged since the snapshot that is read holds rows of later ones too.
-- params: none
with snapshot as (
    select id from ducklake_current_snapshot('lake')
),

tables as (
    select
        tables.table_id,
        tables.table_name
    from __ducklake_metadata_lake.ducklake_table as tables
    inner join __ducklake_metadata_lake.ducklake_schema as schemas on tables.schema_id = schemas.schema_id
    inner join snapshot on tables.begin_snapshot <= snapshot.id and coalesce(tables.end_snapshot > snapshot.id, true)
    where schemas.schema_name = current_schema()
),

data_files as (
    select
        files.table_id,
        count(*) as files,
        sum(files.file_size_bytes) as bytes,
        sum(files.record_count) as rows_written,
        coalesce(bool_or(files.partial_max > snapshot.id), false) as is_partial
    from __ducklake_metadata_lake.ducklake_data_file as files
    inner join snapshot on files.begin_snapshot <= snapshot.id and coalesce(files.end_snapshot > snapshot.id, true)
    group by files.table_id
),

delete_files as (
    select
        files.table_id,
        count(*) as files,
        sum(files.delete_count) as rows_deleted,
        coalesce(bool_or(files.partial_max > snapshot.id), false) as is_partial
    from __ducklake_metadata_lake.ducklake_delete_file as files
    inner join snapshot on files.begin_snapshot <= snapshot.id and coalesce(files.end_snapshot > snapshot.id, true)
    group by files.table_id
)

select
    tables.table_name,
    coalesce(data_files.files, 0) as files,
    cast(coalesce(data_files.bytes, 0) as bigint) as bytes,
    coalesce(delete_files.files, 0) as delete_files,
    case
        when not coalesce(data_files.is_partial or delete_files.is_partial, false)
            then cast(coalesce(data_files.rows_written, 0) - coalesce(delete_files.rows_deleted, 0) as bigint)
    end as row_count
from tables
left join data_files on tables.table_id = data_files.table_id
left join delete_files on tables.table_id = delete_files.table_id
order by bytes desc, tables.table_name asc
