-- One row per user whose features are compared, numbered by part: those whom a rebuild would change, or all, without
-- those with events of a newer micro-batch.
-- params: $upto, $is_of_all, $users_at_once
-- reads: differing_users, rebuilt_users, users
with wanted as (
    select user_id
    from differing_users
    union
    select user_id
    from rebuilt_users
    where $is_of_all
)

select
    user_id,
    (row_number() over (order by user_id) - 1) // $users_at_once as part
from wanted
where user_id not in (select users.user_id from users where users.batch_id > $upto)
