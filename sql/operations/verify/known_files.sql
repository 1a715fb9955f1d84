-- One row per file that the catalog needs, live or for an older snapshot: its path below the data folder, size, table.
-- params: none
with files as (
    select
        table_id,
        path,
        path_is_relative,
        file_size_bytes,
        end_snapshot
    from __ducklake_metadata_lake.ducklake_data_file
    union all
    select
        table_id,
        path,
        path_is_relative,
        file_size_bytes,
        end_snapshot
    from __ducklake_metadata_lake.ducklake_delete_file
),

tables as (
    select distinct
        ducklake_table.table_id,
        ducklake_table.table_name,
        ducklake_schema.schema_name,
        ducklake_schema.path || ducklake_table.path as folder
    from __ducklake_metadata_lake.ducklake_table
    inner join
        __ducklake_metadata_lake.ducklake_schema
        on ducklake_table.schema_id = ducklake_schema.schema_id
)

select
    tables.schema_name,
    tables.table_name,
    case when files.path_is_relative then tables.folder || files.path else files.path end as path,
    max(files.file_size_bytes) as bytes,
    bool_or(files.end_snapshot is null) as is_live
from files
inner join tables on files.table_id = tables.table_id
group by all
order by path
