-- One row per event that can make a user exist: since when, and what else of it features need. Nothing personal.
-- params: none
select
    user_id,
    event_time as registered_at
from scope_events
