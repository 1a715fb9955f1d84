-- Deletes the ranges that files have in columns by which no statement leaves out files: all but times, numbers of
-- micro-batches and ids of users. Runs in a SQLite catalog.
-- params: $schema
delete from ducklake_file_column_stats
where
    table_id in (
        select tables.table_id
        from ducklake_table as tables
        inner join ducklake_schema as schemas on tables.schema_id = schemas.schema_id
        where schemas.schema_name = $schema
    )
    and not exists (
        select 1
        from ducklake_column as columns
        where
            columns.table_id = ducklake_file_column_stats.table_id
            and columns.column_id = ducklake_file_column_stats.column_id
            and columns.end_snapshot is null
            and (columns.column_type = 'timestamp' or columns.column_name in ('batch_id', 'user_id'))
    )
