-- One row per mature user with a moment: their window as far as it had come by then.
-- params: none
select
    mature_windows.user_id,
    mature_windows.window_start,
    least(mature_windows.window_end, moments.as_of) as window_end,
    mature_windows.batch_id
from mature_windows
inner join moments on mature_windows.user_id = moments.user_id
