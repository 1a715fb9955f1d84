-- One row per user with new events who is not among the open ones: new, without a window, or with one that had ended.
-- params: none
-- reads: arriving_users, open_users
select user_id
from arriving_users
where user_id not in (select open_users.user_id from open_users)
