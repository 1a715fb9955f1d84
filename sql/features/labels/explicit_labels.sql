-- One row per user whose label can be known: the label of their registration, null if it has none.
-- params: none
select
    users.user_id,
    users.label
from users
inner join mature_windows on users.user_id = mature_windows.user_id
