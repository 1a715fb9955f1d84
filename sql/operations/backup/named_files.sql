-- One row per Parquet file in a catalog, with the parts of its path. Runs on the copied catalog.
-- params: none
with named as (
    select
        table_id,
        path,
        path_is_relative
    from ducklake_data_file
    union
    select
        table_id,
        path,
        path_is_relative
    from ducklake_delete_file
),

folders as (
    select distinct
        ducklake_table.table_id,
        ducklake_schema.path as schema_path,
        ducklake_table.path as table_path
    from ducklake_table
    inner join ducklake_schema on ducklake_table.schema_id = ducklake_schema.schema_id
)

select
    case
        when named.path_is_relative then folders.schema_path || folders.table_path || named.path
        else named.path
    end as path
from named
inner join folders on named.table_id = folders.table_id
order by path
