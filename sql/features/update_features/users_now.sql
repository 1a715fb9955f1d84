-- One row per touched user, as stored in users afterwards. Of several registrations the earliest counts.
-- params: none
with kept as (
    select users.* exclude (window_start, window_end, first_seen_at, last_seen_at, batch_id)
    from users
    inner join touched_users on users.user_id = touched_users.user_id
    where not touched_users.is_recomputed and users.registered_at is not null
),

earliest as (
    select *
    from registrations
    where user_id not in (select user_id from kept)
    qualify row_number() over (partition by user_id order by registered_at, registrations) = 1
),

registered as (
    select *
    from kept
    union all by name
    select *
    from earliest
)

select
    registered.* exclude (closed_at) replace (touched_users.user_id as user_id),
    windows.window_start,
    windows.window_end,
    least(registered.closed_at, windows.closed_at) as closed_at,
    touched_users.first_seen_at,
    touched_users.last_seen_at,
    touched_users.batch_id
from touched_users
left join registered on touched_users.user_id = registered.user_id
left join windows on touched_users.user_id = windows.user_id
