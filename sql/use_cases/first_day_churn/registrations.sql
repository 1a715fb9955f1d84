-- One row per registration: since when the user exists, the label, and what features are enriched by. Nothing personal.
-- params: none
select
    user_id,
    event_time as registered_at,
    label,
    postcode
from scope_events
where event_type = 'new_registration'
