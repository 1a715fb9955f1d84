-- One row per prediction made after a moment, whole scoring steps only: as many as stay below $row_limit, at least one.
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
