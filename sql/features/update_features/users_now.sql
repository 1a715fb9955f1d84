-- One row per touched user, as stored in users afterwards. Of several registrations the earliest counts.
-- params: none
-- reads: touched_users, known_users, registrations, windows, scope_events
with kept as (
    select known_users.* exclude (window_start, window_end, first_seen_at, last_seen_at, batch_id)
    from known_users
    inner join touched_users on known_users.user_id = touched_users.user_id
    where not touched_users.is_recomputed and known_users.registered_at is not null
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
),

-- Of recomputed windows, and of new ones that do not hold all that was seen: the last of it until their end.
seen as (
    select
        windows.user_id,
        max(scope_events.event_time) as last_seen_at,
        max(scope_events.batch_id) as batch_id
    from windows
    inner join touched_users on windows.user_id = touched_users.user_id
    inner join scope_events
        on
            windows.user_id = scope_events.user_id
            and scope_events.event_time between touched_users.registered_at and windows.window_end
    where
        windows.batch_id is not null
        and (
            touched_users.is_recomputed
            or touched_users.last_seen_at > windows.window_end
            or touched_users.first_seen_at < touched_users.registered_at
        )
    group by windows.user_id
)

select
    registered.* exclude (closed_at) replace (touched_users.user_id as user_id),
    windows.window_start,
    windows.window_end,
    least(registered.closed_at, windows.closed_at) as closed_at,
    touched_users.first_seen_at,
    coalesce(seen.last_seen_at, touched_users.last_seen_at) as last_seen_at,
    coalesce(seen.batch_id, touched_users.batch_id) as batch_id
from touched_users
left join registered on touched_users.user_id = registered.user_id
left join windows on touched_users.user_id = windows.user_id
left join seen on touched_users.user_id = seen.user_id
