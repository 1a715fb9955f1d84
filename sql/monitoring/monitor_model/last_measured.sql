-- One row: when and by which micro-batch a metric was last measured, of a model version or, with null, of none; nulls
-- before the first.
-- params: $metric, $model_version
select
    max(measured_at) as measured_at,
    max(batch_id) as batch_id
from monitoring
where metric = $metric and model_version is not distinct from $model_version
