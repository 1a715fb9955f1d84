-- One row per time step: the number of users scored, and of those with predicted churn.
-- params: $since, $step_seconds
select
    time_bucket(to_seconds($step_seconds), scored_at, cast($since as timestamp)) as step_at,
    count(*) as predictions,
    count(*) filter (where predicted_churn) as predicted_churn
from predictions
where scored_at >= $since
group by all
order by all
