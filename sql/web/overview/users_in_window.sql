-- One row: how many users are in their window at a moment.
-- params: $now, $window_seconds
select count(*) as users
from users
where opened_at <= $now and opened_at + to_seconds($window_seconds) >= $now
