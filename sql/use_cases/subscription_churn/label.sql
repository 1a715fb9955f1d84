-- One row per subscriber whose label can be known: 1 if they had no session and no lesson after their window.
-- params: none
-- reads: label_events, mature_windows
select
    mature_windows.user_id,
    cast(count(label_events.user_id) = 0 as integer) as label
from mature_windows
left join label_events
    on
        mature_windows.user_id = label_events.user_id
        and label_events.event_type in ('session_started', 'lesson_completed')
        and mature_windows.window_end < label_events.event_time
group by mature_windows.user_id
