-- One row, of bounds by which files are left out: before these times, no window of the stored users ended, and none of
-- the touched users opened; the earliest micro-batch of the stored users without a window. Nulls where there is none.
-- params: none
-- reads: known_users, touched_users
select
    (select min(known_users.window_end) from known_users) as ended_from,
    (select min(touched_users.opened_at_latest) from touched_users) as opened_from,
    (select min(known_users.batch_id) from known_users where known_users.window_end is null) as unopened_from
