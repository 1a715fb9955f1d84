-- One row per user of one shard with an event up to a micro-batch; each is computed from all of their events.
-- params: $registered_by, $upto, $shard, $shards
select
    user_id,
    min(event_time) filter (where list_contains($registered_by, event_type)) as registered_at,
    cast(null as timestamp) as opened_at_latest,
    min(event_time) as first_seen_at,
    max(event_time) as last_seen_at,
    max(batch_id) as batch_id,
    true as is_recomputed
from events
where batch_id <= $upto and hash(user_id) % $shards = $shard
group by user_id
