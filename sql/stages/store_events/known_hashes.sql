-- One row per file hash that has been consumed already.
-- params: $arriving
with arrived as (
    select unnest($arriving) as sha256
)

select distinct consumed_files.sha256
from consumed_files
inner join arrived on consumed_files.sha256 = arrived.sha256
