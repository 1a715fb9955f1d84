-- Deletes the stored rows of touched users without a window, which users_now replaces. Files are left out by the
-- micro-batch: DuckLake leaves none out by `is null`.
-- params: $unopened_from
delete from users
where
    window_end is null
    and batch_id >= $unopened_from
    and user_id in (select touched_users.user_id from touched_users)
