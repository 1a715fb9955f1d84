-- One row per user with new events who is stored, and whose window had not ended before all of them.
-- params: none
-- reads: open_users, other_users
select *
from open_users
union all by name
select *
from other_users
where window_end is null
