-- One row per user whose label can be known: their window opened long enough before the watermark.
-- params: $watermark, $label_seconds
select
    *,
    opened_at + to_seconds($label_seconds) as label_known_at
from windows
where opened_at + to_seconds($label_seconds) <= $watermark
