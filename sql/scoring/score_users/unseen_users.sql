-- One row: the number of users to score without any of the rows that made them active.
-- params: none
select count(*) as unseen
from active_users
where user_id not in (select feature_state.user_id from feature_state)
