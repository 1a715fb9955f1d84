-- One row per user whose features a rebuild would change, of those without events of a newer micro-batch.
-- params: $upto
-- reads: differing_users, users
select user_id
from differing_users
where user_id not in (select users.user_id from users where users.batch_id > $upto)
