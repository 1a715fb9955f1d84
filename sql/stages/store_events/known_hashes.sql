-- One row per file hash that has been consumed already.
-- params: $hashes
select distinct sha256
from consumed_files
where list_contains($hashes, sha256)
