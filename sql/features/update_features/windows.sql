-- One row per touched user with an open window: from the first opening event at or after registration.
-- Both ends are included. batch_id: the micro-batch of the registration or of the opening event, whichever was stored
-- later; null where the window was open before. Values that were stored earlier count from it on.
-- closed_at: the first closing event in the window, of the events in scope.
-- params: $registered_by, $opened_by, $closed_by, $window_seconds
with openings as (
    select
        scope_events.user_id,
        min(scope_events.event_time) as window_start
    from scope_events
    inner join touched_users
        on
            scope_events.user_id = touched_users.user_id
            and scope_events.event_time >= touched_users.registered_at
            and touched_users.is_recomputed
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
),

opened_in as (
    select
        opened.user_id,
        greatest(
            min(scope_events.batch_id) filter (
                where list_contains($registered_by, scope_events.event_type)
                and scope_events.event_time = touched_users.registered_at
            ),
            min(scope_events.batch_id) filter (
                where list_contains($opened_by, scope_events.event_type)
                and scope_events.event_time = opened.window_start
            )
        ) as batch_id,
        min(scope_events.event_time) filter (
            where list_contains($closed_by, scope_events.event_type)
            and scope_events.event_time >= opened.window_start
            and scope_events.event_time <= opened.window_start + to_seconds($window_seconds)
        ) as closed_at
    from opened
    inner join touched_users on opened.user_id = touched_users.user_id
    inner join scope_events
        on
            opened.user_id = scope_events.user_id
            and (
                touched_users.registered_at = scope_events.event_time
                or opened.window_start = scope_events.event_time
                or list_contains($closed_by, scope_events.event_type)
            )
    group by opened.user_id
)

select
    opened.user_id,
    opened.window_start,
    opened.window_start + to_seconds($window_seconds) as window_end,
    opened_in.closed_at,
    opened_in.batch_id
from opened
left join opened_in on opened.user_id = opened_in.user_id
where opened.window_start is not null
