-- One row per active registered user: the features used, and the micro-batch of scoring.
-- params: none
select
    user_features.*,
    active_users.batch_id
from user_features
inner join active_users on user_features.user_id = active_users.user_id
order by user_features.user_id
