-- One row per user with an event between two micro-batches; each is computed from all of their events.
-- params: $registered_by, $after, $upto
with newer as (
    select user_id
    from events
    where batch_id > $after and batch_id <= $upto
)

select
    user_id,
    min(event_time) filter (where list_contains($registered_by, event_type)) as registered_at,
    cast(null as timestamp) as opened_at_latest,
    min(event_time) as first_seen_at,
    max(event_time) as last_seen_at,
    max(batch_id) as batch_id,
    true as is_recomputed
from events
where batch_id <= $upto and user_id in (select user_id from newer)
group by user_id
