-- One row per arrival that carries its source's event_id, with the window of its user.
-- params: $window_seconds
select
    scope_events.user_id,
    scope_events.event_id,
    users.opened_at,
    users.opened_at + to_seconds($window_seconds) as closes_at
from scope_events
inner join users on scope_events.user_id = users.user_id
where scope_events.event_id is not null and users.opened_at is not null
