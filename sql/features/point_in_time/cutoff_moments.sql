-- One row per mature user who is at risk $cutoff_seconds after their window opened: that moment.
-- params: $cutoff_seconds
select
    user_id,
    window_start + to_seconds($cutoff_seconds) as as_of,
    cast($cutoff_seconds // 60 as bigint) as cutoff_minutes,
    'cutoff' as scored_because
from mature_windows
where closed_at is null or window_start + to_seconds($cutoff_seconds) < closed_at
