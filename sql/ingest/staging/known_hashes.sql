-- One row per file hash that has been consumed already, and attempt of a file that went to quarantine.
-- The hashes become a filter of the scan, which reads only the row groups that can have one (Lake.sort_by).
-- params: $arriving
select distinct
    sha256,
    quarantined_ns
from consumed_files
where sha256 in (select unnest($arriving))
