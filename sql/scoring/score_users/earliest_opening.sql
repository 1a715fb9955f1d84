-- One row: no window of the users to score opened before this time.
-- params: none
-- reads: users
select min(window_start) as opened_from
from users
