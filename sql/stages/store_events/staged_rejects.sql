-- Empty: takes the refused rows of a micro-batch.
-- params: none
select * exclude (batch_id, rejected_at)
from rejected_events
limit 0
