-- One row per user with a due prediction in a micro-batch: their arm, or why the prediction is suppressed.
-- The arm is a function of user and salt alone. A budget is spent on treated users in the order of priority; held-out
-- users above the last of them are in the experiment, those below it are not, so that the arms stay comparable.
-- params: $target, $moment, $salt, $holdout_share, $cooldown_seconds, $least_priority, $budget_left
-- reads: due_predictions, priorities, never_users, deliveries
with last_deliveries as (
    select
        user_id,
        max(coalesce(decided_at, delivered_at)) as delivered_at
    from deliveries
    where target = $target and suppressed_because is null
    group by user_id
),

due as (
    select
        user_id,
        batch_id,
        probability
    from due_predictions
    qualify row_number() over (partition by user_id order by scored_at desc) = 1
),

assigned as (
    select
        due.user_id,
        due.batch_id,
        due.probability,
        coalesce(priorities.priority, due.probability) as priority,
        case
            when cast(md5_number_lower(concat($salt, '/', due.user_id)) as double) / pow(2, 64) < $holdout_share
                then 'holdout'
            else 'treated'
        end as arm,
        case
            when never_users.user_id is not null then 'never'
            when last_deliveries.delivered_at > cast($moment as timestamp) - to_seconds($cooldown_seconds)
                then 'cooldown'
            when coalesce(priorities.priority, due.probability) < $least_priority then 'budget'
        end as suppressed_because
    from due
    left join priorities on due.user_id = priorities.user_id
    left join never_users on due.user_id = never_users.user_id
    left join last_deliveries on due.user_id = last_deliveries.user_id
),

ranked as (
    select
        *,
        count(*) filter (where arm = 'treated' and suppressed_because is null) over (
            order by priority desc, user_id asc rows between unbounded preceding and 1 preceding
        ) as treated_before
    from assigned
),

judged as (
    select
        * replace (
            case
                when suppressed_because is null and treated_before >= $budget_left then 'budget' else suppressed_because
            end as suppressed_because
        )
    from ranked
)

select
    user_id,
    batch_id,
    probability,
    priority,
    case when suppressed_because is null then arm end as arm,
    suppressed_because
from judged
