-- One row: row counts of the lake, the time of the first held event, and the latest micro-batch. Lag is from an event
-- to its prediction, in seconds.
-- params: none
select
    (select count(*) from events) as events,
    (select count(*) from rejected_events) as rejected_events,
    (select count(*) from rejected_events where held_until is not null and replayed_in is null) as held_events,
    (select min(held_until) from rejected_events where replayed_in is null) as held_until,
    (select count(*) from users where registered_at is not null) as users,
    (select count(*) from feature_state) as feature_state,
    (select count(*) from predictions) as predictions,
    (select count(*) from consumed_files) as consumed_files,
    (select max(batch_id) from micro_batches) as last_batch,
    (select max(last_event_at) from micro_batches) as last_event_at,
    (select max(scored_at) from predictions) as last_scored_at
