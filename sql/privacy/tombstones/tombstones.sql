-- One row per erased user. All have the same salt.
-- params: none
select
    user_sha256,
    salt
from tombstones
