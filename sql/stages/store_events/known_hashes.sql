-- One row per file hash that has been consumed already.
-- params: $hashes
with arriving as (
    select unnest($hashes) as sha256
)

select distinct consumed_files.sha256
from consumed_files
inner join arriving on consumed_files.sha256 = arriving.sha256
