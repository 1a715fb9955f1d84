-- One row per data file that no commit has ever named, last written before a moment; nothing is deleted.
-- params: $before
select path
from ducklake_delete_orphaned_files('lake', older_than => $before, dry_run => true)
