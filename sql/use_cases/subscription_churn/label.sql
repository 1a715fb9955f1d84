-- One row per subscriber and moment whose label can be known: 1 if they had no session and no lesson in the horizon.
-- params: none
-- reads: label_events, label_moments
select
    label_moments.user_id,
    label_moments.as_of,
    cast(count(label_events.user_id) = 0 as integer) as label
from label_moments
left join label_events
    on
        label_moments.user_id = label_events.user_id
        and label_moments.as_of = label_events.as_of
        and label_events.event_type in ('session_started', 'lesson_completed')
group by label_moments.user_id, label_moments.as_of
