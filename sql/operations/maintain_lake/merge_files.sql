-- Merges the small files of micro-batches in each partition of a table: at most $partitions partitions, none if
-- there is nothing to merge.
-- params: $table, $schema, $partitions
call ducklake_merge_adjacent_files('lake', $table, schema => $schema, max_compacted_files => $partitions)
