-- One row per user of an experiment whose label can be known by the watermark: their window.
-- params: $watermark, $window_seconds, $label_seconds
-- reads: assigned_users, users
select
    users.user_id,
    users.window_start,
    users.window_start + to_seconds($window_seconds) as window_end
from users
inner join assigned_users on users.user_id = assigned_users.user_id
where users.registered_at is not null and users.window_start + to_seconds($label_seconds) <= $watermark
