-- One row per sign-up: its time and the plan.
-- params: none
-- reads: scope_events
select
    user_id,
    event_time as registered_at,
    plan
from scope_events
where event_type = 'signed_up'
