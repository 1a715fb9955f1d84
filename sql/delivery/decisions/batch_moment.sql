-- One row: when a micro-batch was scored; null of one without predictions.
-- params: $batch_id
select max(scored_at) as decided_at
from predictions
where batch_id = $batch_id
