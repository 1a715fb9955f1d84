-- Takes users who were computed anew out of what was computed before.
-- params: none
delete from rebuilt_users
where user_id in (select user_id from touched_users)
