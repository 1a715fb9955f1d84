-- Empty: takes the good rows of a micro-batch.
-- params: none
select * exclude (batch_id, ingested_at)
from events
limit 0
