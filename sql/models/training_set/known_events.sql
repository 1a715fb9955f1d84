-- One row per raw event that was known at its user's moment: it had happened and was stored.
-- params: $batch_id
select events.*
from events
inner join moments
    on
        events.user_id = moments.user_id
        and events.event_time <= moments.as_of
        and events.ingested_at <= moments.as_of
where events.batch_id <= $batch_id
