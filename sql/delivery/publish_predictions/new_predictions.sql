-- One row per user with predicted churn in one micro-batch: the published columns. No personal columns.
-- params: $batch_id
select
    user_id,
    churn_probability,
    predicted_churn,
    model_name,
    model_version,
    scored_at,
    batch_id,
    coalesce(reasons, '[]') as reasons
from predictions
where batch_id = $batch_id and predicted_churn
order by user_id
