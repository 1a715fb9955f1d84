-- One row per erased user in the current batch.
-- params: none
select users_at_hand.user_id
from users_at_hand
where sha256((select min(salt) from tombstones) || users_at_hand.user_id) in (
    select tombstones.user_sha256 from tombstones
)
