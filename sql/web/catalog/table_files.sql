-- One row per table of the use case: the number and size of its Parquet files. Small tables may have none.
-- params: none
select
    info.table_name,
    info.file_count as files,
    info.file_size_bytes as bytes,
    info.delete_file_count as delete_files
from ducklake_table_info('lake') as info
inner join __ducklake_metadata_lake.ducklake_schema as schemas on info.schema_id = schemas.schema_id
where schemas.schema_name = current_schema()
order by info.file_size_bytes desc, info.table_name asc
