-- One row per live file of a table that merging or rewriting would read: not alone in its folder, or with deleted rows.
-- params: $table, $schema
with files as (
    select
        data_file,
        delete_file,
        count(*) over (partition by regexp_replace(data_file, '[^/]*$', '')) as neighbours
    from ducklake_list_files('lake', $table, schema => $schema)
)

select unnest(list_filter([data_file, delete_file], lambda file: file is not null)) as path
from files
where neighbours > 1 or delete_file is not null
