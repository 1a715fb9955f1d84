-- One row per time step: users scored, and how many of them were about to churn.
-- params: $since, $step_seconds
select
    time_bucket(to_seconds($step_seconds), scored_at) as step_at,
    count(*) as predictions,
    count(*) filter (where predicted_churn) as predicted_churn
from predictions
where scored_at >= $since
group by all
order by all
