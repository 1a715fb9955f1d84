-- One row per raw event that an observed label may look at: of a user whose label can be known, up to that moment.
-- params: none
select scope_events.*
from scope_events
inner join mature_windows
    on scope_events.user_id = mature_windows.user_id and scope_events.event_time <= mature_windows.label_known_at
