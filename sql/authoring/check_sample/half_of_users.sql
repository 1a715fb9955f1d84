-- One row per user of about a half of all.
-- params: none
-- reads: users
select user_id
from users
where hash(user_id) % 2 = 0
