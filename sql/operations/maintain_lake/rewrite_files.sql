-- Rewrites the files of a table of which more than a share has been deleted or replaced.
-- params: $table, $schema, $threshold
call ducklake_rewrite_data_files('lake', $table, schema => $schema, delete_threshold => $threshold)
