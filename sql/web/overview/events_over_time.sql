-- One row per time step and event type: the number of events, by event time.
-- params: $since, $until, $step_seconds
select
    time_bucket(to_seconds($step_seconds), event_time, cast($since as timestamp)) as step_at,
    event_type,
    count(*) as events
from events
where event_time >= $since and event_time < $until
group by all
order by all
