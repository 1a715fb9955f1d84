-- One row per user, event type and time, hashed, of which there is more than one event in scope.
-- params: none
select hash(user_id, event_type, event_time) as moment
from scope_events
group by moment
having count(*) > 1
