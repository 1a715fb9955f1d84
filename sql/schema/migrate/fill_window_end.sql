-- Fills in when windows end, in rows of users that older code has written.
-- params: $window_seconds
update users
set window_end = window_start + to_seconds($window_seconds)
where window_end is null and window_start is not null
