-- Rewrites the files of a table of which a tenth or more has been deleted or replaced.
-- params: $table
call ducklake_rewrite_data_files('lake', $table, delete_threshold => 0.1)
