-- One row per user with new events: their stored state, and whether the new events alone suffice for an update.
-- is_recomputed: a new event may change what was counted (late, repeated, or a registration that moves the start).
-- opened_at_latest: the start of the window or, for a recomputed user, an upper bound of it.
-- params: $registered_by, $opened_by, $window_seconds
with arriving as (
    select
        user_id,
        min(event_time) as first_arrival_at,
        max(event_time) as last_arrival_at,
        max(batch_id) as batch_id,
        min(event_time) filter (where list_contains($registered_by, event_type)) as registration_at
    from scope_events
    group by user_id
),

known as (
    select *
    from users
    where user_id in (select user_id from arriving)
),

late as (
    select
        scope_events.user_id,
        bool_or(
            scope_events.event_time >= known.registered_at
            and (
                known.window_start is null
                or scope_events.event_time <= known.window_start + to_seconds($window_seconds)
            )
        ) as is_inside
    from scope_events
    inner join known on scope_events.user_id = known.user_id and scope_events.event_time <= known.last_seen_at
    group by scope_events.user_id
),

openings as (
    select
        scope_events.user_id,
        min(scope_events.event_time) as opening_at
    from scope_events
    inner join arriving on scope_events.user_id = arriving.user_id
    left join known on scope_events.user_id = known.user_id
    where
        list_contains($opened_by, scope_events.event_type)
        and scope_events.event_time >= least(known.registered_at, arriving.registration_at)
    group by scope_events.user_id
)

select
    arriving.user_id,
    least(known.registered_at, arriving.registration_at) as registered_at,
    least(known.window_start, openings.opening_at) as opened_at_latest,
    least(known.first_seen_at, arriving.first_arrival_at) as first_seen_at,
    greatest(known.last_seen_at, arriving.last_arrival_at) as last_seen_at,
    arriving.batch_id,
    known.user_id is not null
    and (
        coalesce(late.is_inside, false)
        or arriving.user_id in (select user_id from repeated_users)
        or coalesce(arriving.registration_at < known.registered_at, false)
        or (known.registered_at is null and arriving.registration_at is not null)
    ) as is_recomputed
from arriving
left join known on arriving.user_id = known.user_id
left join late on arriving.user_id = late.user_id
left join openings on arriving.user_id = openings.user_id
