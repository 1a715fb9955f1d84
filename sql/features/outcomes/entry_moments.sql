-- One row per user of an experiment: when they entered it, the moment of the prediction that was decided on.
-- params: none
-- reads: assigned_users
select
    user_id,
    assigned_at as as_of
from assigned_users
