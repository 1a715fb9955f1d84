-- One row per user with a new event whose event_id may have been counted before.
-- params: $after, $from_time, $to_time
select distinct events.user_id
from events
inner join arriving_ids
    on
        events.user_id = arriving_ids.user_id
        and events.event_id = arriving_ids.event_id
        and events.event_time between arriving_ids.window_start and arriving_ids.window_end
where events.batch_id <= $after and events.event_time between $from_time and $to_time
