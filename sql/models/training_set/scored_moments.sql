-- One row per moment at which a mature user is scored: after a minute with activity, at a step of silence, and at the
-- window's end. None from the closing event on, as the user is at risk no longer.
-- params: $scored_measures, $silence_minutes
-- reads: measures, mature_windows
with counted as (
    select
        measures.user_id,
        measures.measure,
        measures.event_time,
        mature_windows.window_end
    from measures
    inner join mature_windows
        on
            measures.user_id = mature_windows.user_id
            and measures.event_time between mature_windows.window_start and mature_windows.window_end
    where measures.value is not null
),

pauses as (
    select
        user_id,
        event_time,
        lead(event_time, 1, window_end) over (partition by user_id order by event_time) as next_at
    from counted
),

steps as (
    select unnest($silence_minutes) as minutes
),

scored as (
    select
        user_id,
        least(date_trunc('minute', event_time) + to_minutes(1), window_end) as as_of,
        'activity' as scored_because
    from counted
    where list_contains($scored_measures, measure)
    union all
    select
        pauses.user_id,
        pauses.event_time + to_minutes(steps.minutes) as as_of,
        'silence' as scored_because
    from pauses
    inner join steps on pauses.event_time + to_minutes(steps.minutes) < pauses.next_at
    union all
    select
        user_id,
        window_end as as_of,
        'window_end' as scored_because
    from mature_windows
)

select
    scored.user_id,
    scored.as_of,
    min(scored.scored_because) as scored_because
from scored
inner join mature_windows on scored.user_id = mature_windows.user_id
where mature_windows.closed_at is null or scored.as_of < mature_windows.closed_at
group by scored.user_id, scored.as_of
