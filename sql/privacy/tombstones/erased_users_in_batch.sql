-- One row per erased user in the current batch.
-- params: none
select users_in_batch.user_id
from users_in_batch
where sha256((select min(salt) from tombstones) || users_in_batch.user_id) in (
    select tombstones.user_sha256 from tombstones
)
