-- Removes what feature_state_now replaces.
-- params: none
delete from feature_state
where user_id in (select user_id from touched_users)
