-- One row per user with new events who is stored with a window that had not ended before all of them.
-- params: $from_time
-- reads: users, arriving_users
select *
from users
where window_end >= $from_time and user_id in (select arriving_users.user_id from arriving_users)
