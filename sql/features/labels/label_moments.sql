-- One row per user and moment whose label can be known: its horizon is over at the watermark.
-- params: $watermark, $horizon_seconds
-- reads: moments, mature_windows
select
    moments.user_id,
    moments.as_of,
    moments.as_of + to_seconds($horizon_seconds) as label_known_at,
    mature_windows.window_start,
    mature_windows.window_end
from moments
inner join mature_windows on moments.user_id = mature_windows.user_id
where moments.as_of + to_seconds($horizon_seconds) <= $watermark
