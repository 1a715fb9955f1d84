-- One row: the mean of the rates realised up to a micro-batch, and of how many users each was; nulls before them.
-- params: $since, $until
with runs as (
    select
        batch_id,
        max(value) filter (where metric = 'realised_rate') as rate,
        max(value) filter (where metric = 'realised_users') as users
    from monitoring
    where
        metric in ('realised_rate', 'realised_users')
        and measured_at > $since and measured_at <= $until
    group by batch_id
)

select
    avg(rate) as rate,
    max(users) as users
from runs
where rate is not null and users is not null
