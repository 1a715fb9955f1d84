-- One row per user who is forgotten. All have the same salt.
-- params: none
select
    user_sha256,
    salt
from tombstones
