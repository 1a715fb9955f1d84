-- One row per raw event known $cutoff_seconds after its user's window opened: it had happened and was stored by then.
-- params: $batch_id, $cutoff_seconds
select events.*
from events
inner join mature_windows
    on
        events.user_id = mature_windows.user_id
        and events.event_time <= mature_windows.window_start + to_seconds($cutoff_seconds)
        and events.ingested_at <= mature_windows.window_start + to_seconds($cutoff_seconds)
where events.batch_id <= $batch_id
