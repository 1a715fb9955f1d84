-- One row per registered user: everything a model sees, in a fixed order.
-- params: none
select *
from user_features
order by user_id
