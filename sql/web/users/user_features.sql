-- One row, or none: all features of one user.
-- params: $user_id
select *
from user_features
where user_id = $user_id
