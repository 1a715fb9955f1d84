-- One row per file hash that has been consumed already.
-- params: $hashes
select distinct sha256
from consumed_files
where sha256 in (select unnest($hashes))
