-- One row per raw event of a user whose label can be known, from the opening of the first window up to the watermark.
-- params: $watermark
-- reads: windows, events
select events.*
from events
where
    events.event_time >= (select min(windows.window_start) from windows)
    and events.event_time <= $watermark
    and events.user_id in (select windows.user_id from windows)
