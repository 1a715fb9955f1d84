-- One row per user, event type and time, hashed, of which there is more than one event in scope: of those with an
-- event_id and of those without. Events without one of which each counts are left out.
-- params: $repeating
select hash(user_id, event_type, event_time, event_id is null) as moment
from scope_events
where event_id is not null or not list_contains($repeating, event_type)
group by moment
having count(*) > 1
