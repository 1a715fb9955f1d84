-- One row: how many users are brought up to date, and how many of them from all their events.
-- params: none
select
    count(*) as users,
    count(*) filter (where is_recomputed) as recomputed
from touched_users
