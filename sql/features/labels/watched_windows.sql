-- One row per user whose label can be known: their window up to the watermark, as events after it decide labels.
-- params: $watermark
-- reads: mature_windows
select * replace (cast($watermark as timestamp) as window_end)
from mature_windows
