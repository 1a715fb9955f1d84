-- One row, or none before the first: the latest micro-batch.
-- params: none
select
    batch_id,
    rows_stored,
    rows_rejected,
    last_event_at,
    airflow_run,
    started_at,
    committed_at
from micro_batches
order by batch_id desc
limit 1
