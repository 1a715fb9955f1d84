-- One row per raw event that was stored up to a micro-batch.
-- params: $batch_id
select *
from events
where batch_id <= $batch_id
