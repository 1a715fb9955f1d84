-- One row per stage: the last micro-batch it has processed, how many it is behind, and since when.
-- params: none
select
    stage,
    batch_id,
    (select coalesce(max(micro_batches.batch_id), 0) from micro_batches) - batch_id as behind,
    updated_at
from progress
order by behind, stage
