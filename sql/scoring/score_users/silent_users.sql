-- One row per user whose silence has passed a step or whose window has ended since the last scoring, as of $from_time.
-- params: $from_time, $as_of, $upto, $silence_minutes, $window_seconds
-- reads: candidate_users, feature_state
with open_windows as (
    select
        user_id,
        window_end
    from candidate_users
    where window_end > $from_time and window_start <= $as_of
),

-- Events older than a window cannot be in an open one: their files need not be read.
last_events as (
    select
        open_windows.user_id,
        open_windows.window_end,
        max(feature_state.last_at) as last_at
    from open_windows
    inner join feature_state on open_windows.user_id = feature_state.user_id
    where feature_state.last_at >= cast($from_time as timestamp) - to_seconds($window_seconds)
    group by open_windows.user_id, open_windows.window_end
),

steps as (
    select unnest($silence_minutes) as minutes
)

select
    user_id,
    cast($upto as bigint) as batch_id,
    'window_end' as scored_because
from last_events
where window_end <= $as_of
union all
select distinct
    last_events.user_id,
    cast($upto as bigint) as batch_id,
    'silence' as scored_because
from last_events
inner join steps
    on
        last_events.last_at + to_minutes(steps.minutes) > $from_time
        and last_events.last_at + to_minutes(steps.minutes) <= $as_of
where last_events.window_end > $as_of
