-- One row: when the first event happened; null before there is one.
-- params: none
select min(first_event_at) as first_event_at
from micro_batches
