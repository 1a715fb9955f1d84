-- One row per raw event of the touched users up to a micro-batch.
-- params: $upto
select *
from events
where batch_id <= $upto and user_id in (select user_id from touched_users)
