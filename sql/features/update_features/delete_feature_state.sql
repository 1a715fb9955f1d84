-- Deletes the stored rows of touched users, which feature_state_now replaces.
-- params: $opened_from
delete from feature_state
where last_at >= $opened_from and user_id in (select touched_users.user_id from touched_users)
