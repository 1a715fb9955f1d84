-- One row: the time of the earliest new event. No window that ended before it can be changed.
-- params: none
select min(event_time) as from_time
from scope_events
