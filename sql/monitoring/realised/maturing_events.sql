-- One row per raw event of a user whose label became known, at least up to that time.
-- params: $upto, $all_seconds
with span as (
    select
        min(users.first_seen_at) as from_time,
        max(windows.window_start) + to_seconds($all_seconds) as to_time
    from windows
    inner join users on windows.user_id = users.user_id
)

select events.*
from events
where
    events.batch_id <= $upto
    and events.event_time between (select from_time from span) and (select to_time from span)
    and events.user_id in (select user_id from windows)
