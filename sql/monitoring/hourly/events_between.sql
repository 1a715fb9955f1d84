-- One row: the number of events that happened in a time span.
-- params: $from_time, $to_time
select count(*) as events
from events
where event_time >= $from_time and event_time < $to_time
