-- One row per step in which the events up to a micro-batch are divided: consecutive micro-batches of about $rows rows.
-- Compares expressions: otherwise DuckLake would read the statistics of every file of the lake for this small table.
-- params: $upto, $rows
with numbered as (
    select
        batch_id,
        (sum(rows_stored) over (order by batch_id) - rows_stored) // $rows as step
    from micro_batches
    where abs(batch_id) <= $upto
)

select
    min(batch_id) as first_batch,
    max(batch_id) as last_batch
from numbered
group by step
order by step
