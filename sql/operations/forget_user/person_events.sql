-- One row per event of one user.
-- params: $user_id
select *
from events
where user_id = $user_id
