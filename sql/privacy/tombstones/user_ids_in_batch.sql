-- One row per user in the current batch.
-- params: none
select user_id
from erased_users_in_batch
order by user_id
