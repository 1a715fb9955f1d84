-- One row per registration: its time, the label, and the columns for enrichment. No personal columns.
-- params: none
-- reads: scope_events
select
    user_id,
    event_time as registered_at,
    label,
    postcode
from scope_events
where event_type = 'new_registration'
