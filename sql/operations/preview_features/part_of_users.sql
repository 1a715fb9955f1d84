-- One row per user of a part of compared_users.
-- params: $part
-- reads: compared_users
select user_id
from compared_users
where part = $part
