-- One row per event inside its user's window. An event that was received twice counts once: equal in every column or,
-- if the source sends an event_id, the earliest of the same event_id. No moment is crowded by events that count each.
-- To compare whole rows is dear, and few are repeated: only those of crowded moments are compared.
-- Not materialized: otherwise every column would be copied twice though only a few are read.
-- params: none
with inside as not materialized (
    select
        scope_events.* exclude (ingested_at, source_file),
        hash(
            scope_events.user_id, scope_events.event_type, scope_events.event_time, scope_events.event_id is null
        ) as moment
    from scope_events
    inner join windows
        on
            scope_events.user_id = windows.user_id
            and scope_events.event_time between windows.window_start and windows.window_end
),

distinct_events as not materialized (
    select * exclude (moment)
    from inside
    where moment not in (select moment from crowded_moments)
    union all by name
    select
        * exclude (moment, batch_id),
        min(batch_id) as batch_id
    from inside
    where moment in (select moment from crowded_moments)
    group by all
)

select *
from distinct_events
where event_id is null
union all by name
select *
from distinct_events
where event_id is not null
qualify row_number() over (partition by user_id, event_id order by event_time, distinct_events) = 1
