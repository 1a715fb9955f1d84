-- One row per touched user with an open window: from the first opening event at or after registration.
-- Both ends are included.
-- params: $opened_by, $window_seconds
with openings as (
    select
        scope_events.user_id,
        min(scope_events.event_time) as window_start
    from scope_events
    inner join touched_users
        on
            scope_events.user_id = touched_users.user_id
            and scope_events.event_time >= touched_users.registered_at
    where list_contains($opened_by, scope_events.event_type)
    group by scope_events.user_id
),

opened as (
    select
        touched_users.user_id,
        case
            when touched_users.is_recomputed then openings.window_start
            else touched_users.opened_at_latest
        end as window_start
    from touched_users
    left join openings on touched_users.user_id = openings.user_id
)

select
    user_id,
    window_start,
    window_start + to_seconds($window_seconds) as window_end
from opened
where window_start is not null
