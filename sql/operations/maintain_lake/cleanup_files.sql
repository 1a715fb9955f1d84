-- Deletes files that no snapshot needs since a moment; a day or more ago.
-- params: $before
call ducklake_cleanup_old_files('lake', older_than => $before)
