-- One row per user whose label became known with the current micro-batches: their window.
-- params: $after, $upto, $window_seconds, $label_seconds
with watermarks as (
    select
        max(last_event_at) filter (where batch_id <= $after) as known_before,
        max(last_event_at) filter (where batch_id <= $upto) as known_now
    from micro_batches
)

select
    users.user_id,
    users.window_start,
    users.window_start + to_seconds($window_seconds) as window_end
from users
cross join watermarks
where
    users.registered_at is not null
    and users.window_start + to_seconds($label_seconds) <= watermarks.known_now
    and (
        watermarks.known_before is null
        or users.window_start + to_seconds($label_seconds) > watermarks.known_before
    )
