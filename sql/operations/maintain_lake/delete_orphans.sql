-- Deletes files that no commit has ever named, from before a moment; days ago, as an open transaction's are unnamed.
-- params: $before
call ducklake_delete_orphaned_files('lake', older_than => $before)
