-- One row per time step of scoring since $since: seconds from an event to the prediction of its micro-batch.
-- Events from before $since are excluded: they were late at their source, or are history.
-- params: $since, $until, $step_seconds
select
    time_bucket(to_seconds($step_seconds), predictions.scored_at, cast($since as timestamp)) as step_at,
    median(epoch(predictions.scored_at) - epoch(events.event_time)) as median_seconds,
    quantile_cont(epoch(predictions.scored_at) - epoch(events.event_time), 0.95) as p95_seconds
from predictions
inner join events
    on
        predictions.user_id = events.user_id
        and predictions.batch_id = events.batch_id
where
    predictions.scored_at >= $since
    and predictions.scored_at < $until
    and events.event_time >= $since
group by all
order by all
