-- Removes what users_now replaces.
-- params: none
delete from users
where user_id in (select user_id from touched_users)
