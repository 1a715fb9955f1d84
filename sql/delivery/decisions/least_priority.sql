-- One row: the priority from which the due users of the last day would have used up the budget; null with fewer.
-- Held-out users have no part in the budget, so that many more are counted.
-- params: $target, $moment, $per_day, $holdout_share, $ordered_by
with users as (
    select
        deliveries.user_id,
        max(deliveries.priority) as priority
    from deliveries
    inner join decided_batches
        on deliveries.target = decided_batches.target and deliveries.batch_id = decided_batches.batch_id
    where
        deliveries.target = $target
        and decided_batches.ordered_by = $ordered_by
        and deliveries.decided_at > cast($moment as timestamp) - interval 1 day
        and deliveries.decided_at < $moment
        and coalesce(deliveries.suppressed_because, 'budget') = 'budget'
    group by deliveries.user_id
),

ranked as (
    select
        priority,
        row_number() over (order by priority desc) as place
    from users
)

select
    case
        when count(*) > $per_day / (1 - $holdout_share)
            then min(priority) filter (where place <= $per_day / (1 - $holdout_share))
    end as least_priority
from ranked
