-- One row per raw event of a partition of users, which holds those up to a micro-batch.
-- params: none
select *
from events
