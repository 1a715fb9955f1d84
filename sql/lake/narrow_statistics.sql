-- Makes the least and greatest text of each column those of its table's present files. Runs in a SQLite catalog.
-- params: none
update ducklake_table_column_stats
set
    min_value = (
        select min(files.min_value)
        from ducklake_file_column_stats as files
        inner join ducklake_data_file as present on files.data_file_id = present.data_file_id
        where
            files.table_id = ducklake_table_column_stats.table_id
            and files.column_id = ducklake_table_column_stats.column_id
            and present.end_snapshot is null
    ),
    max_value = (
        select max(files.max_value)
        from ducklake_file_column_stats as files
        inner join ducklake_data_file as present on files.data_file_id = present.data_file_id
        where
            files.table_id = ducklake_table_column_stats.table_id
            and files.column_id = ducklake_table_column_stats.column_id
            and present.end_snapshot is null
    )
where exists (
    select 1
    from ducklake_column as columns
    where
        columns.table_id = ducklake_table_column_stats.table_id
        and columns.column_id = ducklake_table_column_stats.column_id
        and columns.column_type = 'varchar'
        and columns.end_snapshot is null
)
