-- One row per prediction after a time, complete scoring steps only: at most $row_limit rows, but at least one step.
-- params: $since, $row_limit
with steps as (
    select
        scored_at,
        sum(count(*)) over (order by scored_at) as rows_upto,
        row_number() over (order by scored_at) as position
    from predictions
    where scored_at > $since
    group by scored_at
),

wanted as (
    select max(scored_at) as upto
    from steps
    where position = 1 or rows_upto <= $row_limit
)

select predictions.*
from predictions
cross join wanted
where predictions.scored_at > $since and predictions.scored_at <= wanted.upto
order by predictions.scored_at, predictions.user_id
