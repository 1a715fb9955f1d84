-- One row per data file of the events, as of the snapshot that is read. has_deleted: rows were deleted from it since.
-- params: $schema_name
select
    data_file,
    delete_file is not null as has_deleted
from ducklake_list_files('lake', 'events', schema => $schema_name)
order by data_file
