-- One row per bin of twenty: users whose latest probability since a time is in it.
-- params: $since
with latest as (
    select
        user_id,
        arg_max(probability, batch_id) as probability,
        arg_max(predicted, batch_id) as predicted
    from predictions
    where scored_at >= $since
    group by user_id
)

select
    least(cast(floor(probability * 20) as integer), 19) as bin,
    count(*) as users,
    count(*) filter (where predicted) as predicted
from latest
group by bin
order by bin
