-- One row per new event with an event_id, with the window of its user.
-- params: $window_seconds
select
    scope_events.user_id,
    scope_events.event_id,
    known_users.window_start,
    known_users.window_start + to_seconds($window_seconds) as window_end
from scope_events
inner join known_users on scope_events.user_id = known_users.user_id
where scope_events.event_id is not null and known_users.window_start is not null
