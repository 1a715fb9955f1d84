-- One row per bin of twenty: users whose latest probability since a time is in it.
-- params: $since
with latest as (
    select
        user_id,
        arg_max(churn_probability, batch_id) as churn_probability,
        arg_max(predicted_churn, batch_id) as predicted_churn
    from predictions
    where scored_at >= $since
    group by user_id
)

select
    least(cast(floor(churn_probability * 20) as integer), 19) as bin,
    count(*) as users,
    count(*) filter (where predicted_churn) as predicted_churn
from latest
group by bin
order by bin
