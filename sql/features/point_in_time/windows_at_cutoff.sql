-- One row per mature user: their window up to $cutoff_seconds after it opened.
-- params: $cutoff_seconds
select
    user_id,
    window_start,
    least(window_end, window_start + to_seconds($cutoff_seconds)) as window_end
from mature_windows
