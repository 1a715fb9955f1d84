-- One row per active user who is registered: the features as used, as of when, and for which micro-batch.
-- params: $as_of
select
    user_features.*,
    cast($as_of as timestamp) as as_of,
    active_users.batch_id
from user_features
inner join active_users on user_features.user_id = active_users.user_id
order by user_features.user_id
