-- One row: the last micro-batch up to one, its commit, and the events up to it; 0 and nulls before the first.
-- With null for $upto, of all micro-batches.
-- Compares expressions: otherwise DuckLake would read the statistics of every file of the lake for this small table.
-- params: $upto
select
    coalesce(max(batch_id), 0) as batch_id,
    arg_max(committed_at, batch_id) as committed_at,
    cast(coalesce(sum(rows_stored), 0) as bigint) as rows_stored,
    min(first_event_at) as first_event_at,
    max(last_event_at) as watermark
from micro_batches
where $upto is null or abs(batch_id) <= $upto
