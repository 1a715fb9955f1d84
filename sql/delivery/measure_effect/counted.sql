-- One row: users that entered an experiment, also those erased since; those who are present; and held-out users who
-- were reached by its target all the same while it ran.
-- params: $experiment, $target, $upto, $until, $ended_at
-- reads: assigned_users, decided_batches, deliveries
with ledger as (
    select cast(coalesce(sum(entered), 0) as bigint) as entered
    from decided_batches
    where experiment = $experiment and batch_id <= $upto and decided_at < $until
),

reached as (
    select
        user_id,
        max(batch_id) as batch_id
    from deliveries
    where
        target = $target
        and suppressed_because is null
        and coalesce(arm, 'treated') = 'treated'
        and coalesce(decided_at, delivered_at) < $ended_at
        and batch_id <= $upto
    group by user_id
)

select
    max(ledger.entered) as entered,
    count(assigned_users.user_id) as present,
    count(*) filter (where assigned_users.arms > 1 or (assigned_users.arm = 'holdout' and reached.user_id is not null))
        as contaminated
from ledger
left join assigned_users on true
left join reached on assigned_users.user_id = reached.user_id and assigned_users.batch_id <= reached.batch_id
