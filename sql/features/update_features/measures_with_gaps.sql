-- One row per counted value: those of the use case, and of each event of a gap the seconds since the one before, and 1
-- where it begins a session, as it is the first or the pause was longer.
-- params: none
-- reads: own_measures, window_events, gap_rules, earlier_gaps
with followed as (
    select
        window_events.user_id,
        window_events.event_time,
        window_events.batch_id,
        gap_rules.gap,
        gap_rules.session_microseconds,
        coalesce(
            lag(window_events.event_time) over (
                partition by window_events.user_id, gap_rules.gap
                order by window_events.event_time, window_events.batch_id
            ),
            earlier_gaps.last_at
        ) as previous_at
    from window_events
    inner join gap_rules on window_events.event_type = gap_rules.event_type
    left join earlier_gaps
        on window_events.user_id = earlier_gaps.user_id and gap_rules.gap = earlier_gaps.gap
),

spans as (
    select
        *,
        epoch_us(event_time) - epoch_us(previous_at) as microseconds
    from followed
)

select
    user_id,
    event_time,
    measure,
    item,
    value,
    batch_id
from own_measures
union all by name
select
    user_id,
    event_time,
    gap || '_gap' as measure,
    cast(null as varchar) as item,
    cast((microseconds + 5000) // 10000 * 0.01 as decimal(18, 2)) as value,
    batch_id
from spans
where previous_at is not null
union all by name
select
    user_id,
    event_time,
    gap || '_session' as measure,
    cast(null as varchar) as item,
    1 as value,
    batch_id
from spans
where previous_at is null or microseconds > session_microseconds
