-- One row per file hash that has been consumed already.
-- Materialized: otherwise DuckLake would read the statistics of every file of the lake for this table.
-- params: $arriving
with arrived as (
    select unnest($arriving) as sha256
),

consumed as materialized (
    select sha256
    from consumed_files
)

select distinct consumed.sha256
from consumed
inner join arrived on consumed.sha256 = arrived.sha256
