-- One row: the number of updated users, and of those recomputed from all their events.
-- params: none
select
    count(*) as users,
    count(*) filter (where is_recomputed) as recomputed
from touched_users
