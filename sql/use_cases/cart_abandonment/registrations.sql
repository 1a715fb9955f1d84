-- One row per start of a visit: since when the visit exists, and on which device.
-- params: none
select
    user_id,
    event_time as registered_at,
    device
from scope_events
where event_type = 'session_started'
