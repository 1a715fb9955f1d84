-- One row per start of a visit: its time and device.
-- params: none
-- reads: scope_events
select
    user_id,
    event_time as registered_at,
    device
from scope_events
where event_type = 'session_started'
