-- One row per new event with an event_id, with the window of its user.
-- params: $window_seconds
select
    scope_events.user_id,
    scope_events.event_id,
    users.window_start,
    users.window_start + to_seconds($window_seconds) as window_end
from scope_events
inner join users on scope_events.user_id = users.user_id
where scope_events.event_id is not null and users.window_start is not null
