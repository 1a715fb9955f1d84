-- Deletes the new events of recomputed users from the scope: all of their events are added instead.
-- params: none
delete from scope_events
where user_id in (select user_id from touched_users where is_recomputed)
