-- One row per stage: the last processed micro-batch, the number of pending ones, and the time of the checkpoint.
-- params: none
with stages as (
    select
        stage,
        min(batch_id) as batch_id,
        max(updated_at) as updated_at
    from checkpoints
    group by stage
)

select
    stage,
    batch_id,
    (select coalesce(max(micro_batches.batch_id), 0) from micro_batches) - batch_id as behind,
    updated_at
from stages
order by behind, stage
