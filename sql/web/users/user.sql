-- One row, or none for an unregistered user: their registration and window. No personal columns.
-- params: $user_id
select
    user_id,
    registered_at,
    window_start,
    first_seen_at,
    last_seen_at
from users
where user_id = $user_id and registered_at is not null
