-- One row per mature user: their window as far as it has come $cutoff_seconds after it opened.
-- params: $cutoff_seconds
select
    user_id,
    opened_at,
    least(closes_at, opened_at + to_seconds($cutoff_seconds)) as closes_at
from mature_windows
