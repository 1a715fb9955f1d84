-- One row per raw event that features are computed from; here, the arrivals of users who need no more.
-- params: none
select *
from arrivals
where user_id in (select user_id from touched_users where not is_recomputed)
