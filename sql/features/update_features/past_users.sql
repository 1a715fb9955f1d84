-- One row per user with new events whose window had ended before all of them: they change nothing.
-- params: none
-- reads: other_users
select user_id
from other_users
where window_end is not null
