-- One row per user in scope; all are computed from their events, as update_features does in a recompute.
-- params: $registered_by
select
    user_id,
    min(event_time) filter (where list_contains($registered_by, event_type)) as registered_at,
    cast(null as timestamp) as opened_at_latest,
    min(event_time) as first_seen_at,
    max(event_time) as last_seen_at,
    max(batch_id) as batch_id,
    true as is_recomputed
from scope_events
group by user_id
