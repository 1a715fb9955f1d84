-- One row per arrival that carries its source's event_id, with the window of its user.
-- params: $window_seconds
select
    arrivals.user_id,
    arrivals.event_id,
    users.opened_at,
    users.opened_at + to_seconds($window_seconds) as closes_at
from arrivals
inner join users on arrivals.user_id = users.user_id
where arrivals.event_id is not null and users.opened_at is not null
