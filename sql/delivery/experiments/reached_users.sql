-- One row per user who was reached by a target: when first.
-- params: $target
select
    user_id,
    min(delivered_at) as reached_at
from deliveries
where target = $target and suppressed_because is null and coalesce(arm, 'treated') = 'treated'
group by user_id
