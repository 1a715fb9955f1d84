-- One row per reason for which due predictions of an experiment's target were not delivered while it ran.
-- params: $experiment
select
    suppressed_because as reason,
    count(*) as predictions,
    count(distinct user_id) as users
from deliveries
where experiment = $experiment and suppressed_because is not null
group by suppressed_because
order by predictions desc, reason asc
