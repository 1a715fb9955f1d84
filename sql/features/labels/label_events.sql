-- One row per raw event available to a derived label: of a user whose label can be known, up to that time.
-- params: none
select scope_events.*
from scope_events
inner join mature_windows
    on scope_events.user_id = mature_windows.user_id and scope_events.event_time <= mature_windows.label_known_at
