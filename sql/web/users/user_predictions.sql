-- One row per prediction of one user, in order.
-- params: $user_id
select
    scored_at,
    batch_id,
    churn_probability,
    predicted_churn,
    model_version,
    airflow_run,
    reasons
from predictions
where user_id = $user_id
order by batch_id
