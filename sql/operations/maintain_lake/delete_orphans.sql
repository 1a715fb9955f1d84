-- One row per data file that no commit has named, last written before a time days ago, as open transactions have such
-- files too; deletes them, unless $is_rehearsal.
-- params: $before, $is_rehearsal
select path
from ducklake_delete_orphaned_files('lake', older_than => $before, dry_run => $is_rehearsal)
