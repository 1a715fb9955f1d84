-- One row per player of an experiment whose outcome is known: 1 if they played or bought a day after entering it, or 0.
-- params: none
-- reads: outcome_users, outcome_events
select
    outcome_users.user_id,
    cast(count(outcome_events.user_id) > 0 as integer) as outcome
from outcome_users
left join outcome_events
    on
        outcome_users.user_id = outcome_events.user_id
        and outcome_events.event_type in ('new_bet', 'new_purchases')
        and outcome_events.event_time > outcome_users.assigned_at + interval 24 hours
group by outcome_users.user_id
