-- One row per user whose label can be known: their window opened long enough before the watermark.
-- params: $watermark, $label_seconds
select
    *,
    window_start + to_seconds($label_seconds) as label_known_at
from windows
where window_start + to_seconds($label_seconds) <= $watermark
