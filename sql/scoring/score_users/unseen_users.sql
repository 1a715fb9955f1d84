-- One row: how many of the users to score have none of the rows that made them active.
-- params: none
select count(*) as unseen
from active_users
where user_id not in (select feature_state.user_id from feature_state)
