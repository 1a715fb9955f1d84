-- One row: the last micro-batch for which a metric of a model version was measured; null before the first.
-- params: $metric, $model_version
select max(batch_id) as batch_id
from monitoring
where metric = $metric and model_version = $model_version
