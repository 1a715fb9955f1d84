-- One row per arm of an experiment: the users whose first decision in it was that arm.
-- params: $experiment
with first_arms as (
    select
        user_id,
        arg_min(arm, batch_id) as arm
    from deliveries
    where experiment = $experiment and arm is not null
    group by user_id
)

select
    arm,
    count(*) as users
from first_arms
group by arm
order by arm desc
