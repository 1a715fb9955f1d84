-- One row: the number of users in their window at a time.
-- params: $now, $window_seconds
select count(*) as users
from users
where window_start <= $now and window_start + to_seconds($window_seconds) >= $now
