-- Deletes the stored rows of touched users with a window, which users_now replaces.
-- params: $ended_from
delete from users
where window_end >= $ended_from and user_id in (select touched_users.user_id from touched_users)
