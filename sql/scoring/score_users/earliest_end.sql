-- One row: no window of the users to score ended before this time.
-- params: $from_time, $as_of
-- reads: active_users
select least(min(last_at), cast($from_time as timestamp), cast($as_of as timestamp)) as ended_from
from active_users
