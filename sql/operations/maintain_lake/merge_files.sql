-- Merges the small files that minutes leave in each partition of a table: so many partitions at most, none where nothing
-- is left to merge.
-- params: $table, $schema, $partitions
call ducklake_merge_adjacent_files('lake', $table, schema => $schema, max_compacted_files => $partitions)
