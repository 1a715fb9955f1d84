-- One row per raw event of a user whose label can be known, at least up to that time.
-- params: $label_seconds
-- reads: windows, users, events
with span as (
    select
        min(users.first_seen_at) as from_time,
        max(windows.window_start) + to_seconds($label_seconds) as to_time
    from windows
    inner join users on windows.user_id = users.user_id
)

select events.*
from events
where
    events.event_time between (select span.from_time from span) and (select span.to_time from span)
    and events.user_id in (select windows.user_id from windows)
