-- One row: how many other user ids differ from one by surrounding blanks only.
-- params: $user_id
select count(distinct user_id) as id_count
from events
where user_id != $user_id and trim(user_id) = trim($user_id)
