-- One row per user with predicted churn in one micro-batch who is still at risk: the published columns. No personal
-- columns.
-- params: $batch_id
-- reads: predictions, users
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
where
    batch_id = $batch_id
    and predicted_churn
    and user_id not in (select users.user_id from users where users.closed_at is not null)
order by user_id
