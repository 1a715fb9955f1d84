-- One row: when and by which micro-batch a metric was last measured, of a model version or, with null, of none; with
-- null for the metric, any was. Nulls before the first.
-- params: $metric, $model_version
select
    max(measured_at) as measured_at,
    max(batch_id) as batch_id
from monitoring
where $metric is null or (metric = $metric and model_version is not distinct from $model_version)
