-- One row per sign-up: since when the subscriber exists, and their plan.
-- params: none
select
    user_id,
    event_time as registered_at,
    plan
from scope_events
where event_type = 'signed_up'
