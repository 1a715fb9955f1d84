-- One row: of how many users the features differ where the other users are not there, and the first of them.
-- params: none
-- reads: features_of_all, features_of_half, half_of_users
with differing as (
    select *
    from features_of_all
    where user_id in (select half_of_users.user_id from half_of_users)
    except all
    select *
    from features_of_half
)

select
    count(*) as users,
    min(user_id) as first_user
from differing
