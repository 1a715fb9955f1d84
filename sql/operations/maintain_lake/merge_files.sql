-- Merges the files of a table that are smaller than $bytes, in each partition: at most $partitions partitions, none if
-- there is nothing to merge.
-- params: $table, $schema, $partitions, $bytes
call ducklake_merge_adjacent_files(
    'lake', $table, schema => $schema, max_compacted_files => $partitions, max_file_size => $bytes
)
