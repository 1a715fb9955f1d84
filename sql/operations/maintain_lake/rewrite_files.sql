-- Rewrites the files of a table with more than a given share of deleted or replaced rows.
-- params: $table, $schema, $threshold
call ducklake_rewrite_data_files('lake', $table, schema => $schema, delete_threshold => $threshold)
