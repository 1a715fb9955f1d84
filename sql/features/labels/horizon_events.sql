-- One row per moment and event in its horizon: after the moment, and up to the horizon's end.
-- params: none
-- reads: label_moments, later_events
select
    label_moments.as_of,
    later_events.*
from label_moments
inner join later_events
    on
        label_moments.user_id = later_events.user_id
        and label_moments.as_of < later_events.event_time
        and label_moments.label_known_at >= later_events.event_time
