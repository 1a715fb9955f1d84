-- One row per changed user and measure, as computed anew.
-- params: none
select *
from rebuilt_feature_state
where user_id in (select user_id from touched_users)
