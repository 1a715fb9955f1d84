-- One row per raw event available to an outcome: of a user from when they entered the experiment up to when it counts.
-- params: none
-- reads: outcome_users, events
with span as (
    select
        min(assigned_at) as from_time,
        max(outcome_known_at) as to_time
    from outcome_users
)

select events.*
from events
inner join outcome_users on events.user_id = outcome_users.user_id
where
    events.event_time between (select span.from_time from span) and (select span.to_time from span)
    and events.event_time > outcome_users.assigned_at
    and events.event_time <= outcome_users.outcome_known_at
