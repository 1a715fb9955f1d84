-- Deletes files that no snapshot has referenced since a time at least a day ago.
-- params: $before
call ducklake_cleanup_old_files('lake', older_than => $before)
