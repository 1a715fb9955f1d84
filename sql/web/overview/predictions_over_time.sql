-- One row per time step: the number of users scored, and of those with the predicted outcome.
-- params: $since, $until, $step_seconds
select
    time_bucket(to_seconds($step_seconds), scored_at, cast($since as timestamp)) as step_at,
    count(*) as predictions,
    count(*) filter (where predicted) as predicted
from predictions
where scored_at >= $since and scored_at < $until
group by all
order by all
