-- One row: the number of users to score without any row that they are due by.
-- params: none
-- reads: part_of_users, feature_state
select count(*) as unseen
from part_of_users
where user_id not in (select feature_state.user_id from feature_state)
