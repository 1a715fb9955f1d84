-- One row per event that can register a user: its time, and the columns that features need. No personal columns.
-- params: none
-- reads: scope_events
select
    user_id,
    event_time as registered_at${categories}
from scope_events
