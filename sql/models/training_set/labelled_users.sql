-- One row per user whose label can be known: the opening of their window, and the label, null where it stays unknown.
-- params: none
-- reads: labels, mature_windows
select
    mature_windows.user_id,
    mature_windows.window_start,
    labels.label
from mature_windows
inner join labels on mature_windows.user_id = labels.user_id
