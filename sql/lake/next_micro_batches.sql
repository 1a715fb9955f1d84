-- One row: the last micro-batch a stage may take at once, so that no more than $row_limit rows are in memory.
-- Null where nothing is new; at least one micro-batch otherwise.
-- params: $after, $row_limit
with waiting as (
    select
        batch_id,
        sum(rows_stored) over (order by batch_id) - rows_stored as rows_before
    from micro_batches
    where batch_id > $after
)

select max(batch_id) as batch_id
from waiting
where rows_before = 0 or rows_before < $row_limit
