-- One row per changed user, as computed anew.
-- params: none
select *
from rebuilt_users
where user_id in (select user_id from touched_users)
