-- One row: the number of users who are at risk at a time: in their window, without a closing event.
-- params: $now, $window_seconds
select count(*) as users
from users
where window_start <= $now and window_start + to_seconds($window_seconds) >= $now and closed_at is null
