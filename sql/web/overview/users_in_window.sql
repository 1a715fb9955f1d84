-- One row: how many users are in their window at a moment.
-- params: $now, $window_seconds
select count(*) as users
from users
where window_start <= $now and window_start + to_seconds($window_seconds) >= $now
