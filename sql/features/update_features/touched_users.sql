-- One row per user with new events that are not after their window: what is stored of them, and whether the new events
-- alone suffice for an update.
-- is_recomputed: a new event may change what was counted (late, repeated, or a registration that moves the start).
-- opened_at_latest: the start of the window or, for a recomputed user, an upper bound of it.
-- params: $registered_by, $opened_by, $window_seconds
-- reads: scope_events, known_users, past_users, repeated_users
with arriving as (
    select
        scope_events.user_id,
        min(scope_events.event_time) as first_arrival_at,
        max(scope_events.event_time) as last_arrival_at,
        max(scope_events.batch_id) as batch_id,
        max(scope_events.batch_id) filter (where scope_events.event_time >= known_users.registered_at)
            as counted_batch_id,
        min(scope_events.event_time) filter (where list_contains($registered_by, scope_events.event_type))
            as registration_at
    from scope_events
    left join known_users on scope_events.user_id = known_users.user_id
    where
        (known_users.window_end is null or scope_events.event_time <= known_users.window_end)
        and scope_events.user_id not in (select past_users.user_id from past_users)
    group by scope_events.user_id
),

late as (
    select
        scope_events.user_id,
        bool_or(
            scope_events.event_time >= known_users.registered_at
            and (
                known_users.window_start is null
                or scope_events.event_time <= known_users.window_start + to_seconds($window_seconds)
            )
        ) as is_inside
    from scope_events
    inner join known_users
        on
            scope_events.user_id = known_users.user_id
            and scope_events.event_time <= known_users.last_seen_at
    group by scope_events.user_id
),

openings as (
    select
        scope_events.user_id,
        min(scope_events.event_time) as opening_at
    from scope_events
    inner join arriving on scope_events.user_id = arriving.user_id
    left join known_users on scope_events.user_id = known_users.user_id
    where
        list_contains($opened_by, scope_events.event_type)
        and scope_events.event_time >= least(known_users.registered_at, arriving.registration_at)
    group by scope_events.user_id
)

select
    arriving.user_id,
    least(known_users.registered_at, arriving.registration_at) as registered_at,
    least(known_users.window_start, openings.opening_at) as opened_at_latest,
    least(known_users.first_seen_at, arriving.first_arrival_at) as first_seen_at,
    greatest(known_users.last_seen_at, arriving.last_arrival_at) as last_seen_at,
    case
        when known_users.window_end is null then arriving.batch_id
        else coalesce(arriving.counted_batch_id, known_users.batch_id)
    end as batch_id,
    known_users.user_id is not null
    and (
        coalesce(late.is_inside, false)
        or arriving.user_id in (select user_id from repeated_users)
        or coalesce(arriving.registration_at < known_users.registered_at, false)
        or (known_users.registered_at is null and arriving.registration_at is not null)
    ) as is_recomputed
from arriving
left join known_users on arriving.user_id = known_users.user_id
left join late on arriving.user_id = late.user_id
left join openings on arriving.user_id = openings.user_id
