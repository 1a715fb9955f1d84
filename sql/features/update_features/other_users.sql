-- One row per remaining user who is stored. The ids of all files are read: nothing tells in which one an id is.
-- params: none
-- reads: users, remaining_users
select *
from users
where user_id in (select remaining_users.user_id from remaining_users)
