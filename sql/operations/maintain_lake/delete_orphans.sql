-- Deletes files that no commit has referenced, older than a time days ago, as open transactions have such files too.
-- params: $before
call ducklake_delete_orphaned_files('lake', older_than => $before)
