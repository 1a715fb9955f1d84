-- One row: how many events and refused rows are staged, and from when to when.
-- params: none
select
    count(*) as rows_stored,
    (select count(*) from staged_rejects) as rows_rejected,
    min(event_time) as first_event_at,
    max(event_time) as last_event_at
from staged_events
