-- One row per event inside its user's window, as window_events, where no moment is crowded and no event has an id.
-- params: none
select scope_events.* exclude (ingested_at, source_file)
from scope_events
inner join windows
    on
        scope_events.user_id = windows.user_id
        and scope_events.event_time between windows.window_start and windows.window_end
