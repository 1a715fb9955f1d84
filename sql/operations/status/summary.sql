-- One row: rejected rows that are held, the time of the first, registered users, and the latest micro-batch.
-- params: none
select
    (select count(*) from rejected_events where held_until is not null and replayed_in is null) as held_events,
    (select min(held_until) from rejected_events where replayed_in is null) as held_until,
    (select count(*) from users where registered_at is not null) as users,
    (select max(batch_id) from micro_batches) as last_batch,
    (select max(last_event_at) from micro_batches) as last_event_at,
    (select max(scored_at) from predictions) as last_scored_at
