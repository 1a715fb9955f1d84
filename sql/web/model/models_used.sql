-- One row per model version with predictions, newest first: its time range, and its share of predicted outcomes.
-- params: none
select
    model_name,
    model_version,
    min(scored_at) as first_scored_at,
    max(scored_at) as last_scored_at,
    count(*) as predictions,
    avg(cast(predicted as integer)) as predicted_share
from predictions
group by all
order by last_scored_at desc
