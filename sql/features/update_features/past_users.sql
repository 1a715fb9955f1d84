-- One row per user with new events whose window had ended before all of them: they change nothing.
-- params: $from_time
-- reads: users, arriving_users, known_users
with others as (
    select user_id
    from arriving_users
    where user_id not in (select known_users.user_id from known_users)
)

select user_id
from users
where window_end < $from_time and user_id in (select others.user_id from others)
