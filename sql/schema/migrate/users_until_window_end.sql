-- One row per user, whose last event, and its micro-batch, is the last one until the end of the window.
-- params: none
-- reads: users, events
with seen as (
    select
        users.user_id,
        max(events.event_time) as last_seen_at,
        max(events.batch_id) as batch_id
    from users
    inner join events
        on
            users.user_id = events.user_id
            and users.registered_at <= events.event_time
            and users.window_end >= events.event_time
            and users.batch_id >= events.batch_id
    group by users.user_id
)

select
    users.* replace (
        coalesce(seen.last_seen_at, users.last_seen_at) as last_seen_at,
        coalesce(seen.batch_id, users.batch_id) as batch_id
    )
from users
left join seen on users.user_id = seen.user_id
