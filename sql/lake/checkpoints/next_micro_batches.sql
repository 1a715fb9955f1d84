-- One row: up to which micro-batch a stage may take them at once, so that no more than $row_limit rows are in memory,
-- and the last one that waits. Nulls where nothing is new; at least one micro-batch otherwise.
-- Compares expressions, or DuckLake would look through the statistics of every file of the lake for this small table.
-- Numbers of micro-batches are above 0; of `batch_id + 0` DuckDB would make the column again.
-- params: $after, $row_limit
with waiting as (
    select
        batch_id,
        sum(rows_stored) over (order by batch_id) - rows_stored as rows_before
    from micro_batches
    where abs(batch_id) > $after
)

select
    max(batch_id) filter (where rows_before = 0 or rows_before < $row_limit) as upto,
    max(batch_id) as last_waiting
from waiting
