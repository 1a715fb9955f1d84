-- One row: the number of staged events and rejected rows, and the range of event times.
-- params: none
select
    count(*) as rows_stored,
    (select count(*) from staged_rejects) as rows_rejected,
    min(event_time) as first_event_at,
    max(event_time) as last_event_at
from staged_events
