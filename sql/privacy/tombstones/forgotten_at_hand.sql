-- One row per user at hand who is forgotten.
-- params: none
select users_at_hand.user_id
from users_at_hand
where sha256((select min(salt) from forgotten_users) || users_at_hand.user_id) in (
    select forgotten_users.user_sha256 from forgotten_users
)
