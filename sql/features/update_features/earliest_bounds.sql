-- One row: before these times, no window of the stored users ended, and none of the touched users opened. Nulls where
-- there is none.
-- params: none
-- reads: known_users, touched_users
select
    (select min(known_users.window_end) from known_users) as ended_from,
    (select min(touched_users.opened_at_latest) from touched_users) as opened_from
