-- One row per rejected row pending replay with a prefix of its reason.
-- params: $reason
select * exclude (replayed_in)
from rejected_events
where replayed_in is null and starts_with(reason, $reason)
