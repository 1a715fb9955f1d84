-- One row per registered user: all features of the model, in a fixed order.
-- params: none
select *
from user_features
order by user_id
