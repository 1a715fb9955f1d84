-- One row per user at hand who is forgotten.
-- params: none
select user_id
from erased_users_in_batch
order by user_id
