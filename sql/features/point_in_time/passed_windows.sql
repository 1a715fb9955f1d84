-- One row per user who passed a cut-off between two times, and was at risk at it.
-- params: $cutoff_seconds, $from_time, $to_time
select *
from open_windows
where
    window_start + to_seconds($cutoff_seconds) > $from_time
    and window_start + to_seconds($cutoff_seconds) <= $to_time
    and (closed_at is null or window_start + to_seconds($cutoff_seconds) < closed_at)
