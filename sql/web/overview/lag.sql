-- One row: seconds from an event to the prediction of its micro-batch; null if there is none.
-- params: $since
select
    median(epoch(predictions.scored_at) - epoch(events.event_time)) as median_seconds,
    quantile_cont(epoch(predictions.scored_at) - epoch(events.event_time), 0.95) as p95_seconds
from predictions
inner join events
    on
        predictions.user_id = events.user_id
        and predictions.batch_id = events.batch_id
where predictions.scored_at >= $since and events.event_time >= $since
