-- One row per model version with predictions, newest first: its time range, and its share of predicted churn.
-- params: none
select
    model_name,
    model_version,
    min(scored_at) as first_scored_at,
    max(scored_at) as last_scored_at,
    count(*) as predictions,
    avg(cast(predicted_churn as integer)) as predicted_churn_share
from predictions
group by all
order by last_scored_at desc
