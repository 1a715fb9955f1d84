-- One row: the last micro-batch that a stage may process at once, with at most $row_limit rows in memory, and the last
-- pending one with the rows of all pending. Nulls if none is pending; at least one micro-batch otherwise.
-- Compares expressions: otherwise DuckLake would read the statistics of every file of the lake for this small table.
-- Ids of micro-batches are above 0; DuckDB would simplify `batch_id + 0` to the column.
-- params: $after, $row_limit
with pending as (
    select
        batch_id,
        rows_stored,
        sum(rows_stored) over (order by batch_id) - rows_stored as rows_before
    from micro_batches
    where abs(batch_id) > $after
)

select
    max(batch_id) filter (where rows_before = 0 or rows_before < $row_limit) as upto,
    max(batch_id) as last_pending,
    cast(coalesce(sum(rows_stored), 0) as bigint) as rows_pending
from pending
