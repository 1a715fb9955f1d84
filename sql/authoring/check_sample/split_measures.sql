-- One row per measure of which the state of a user differs where the same events are stored in two micro-batches: of
-- how many users, and the first of them.
-- params: none
-- reads: whole_state, feature_state
with whole as (
    select * exclude (batch_id)
    from whole_state
),

split as (
    select * exclude (batch_id)
    from feature_state
),

only_whole as (
    select *
    from whole
    except all
    select *
    from split
),

only_split as (
    select *
    from split
    except all
    select *
    from whole
),

differing as (
    select
        measure,
        user_id
    from only_whole
    union all
    select
        measure,
        user_id
    from only_split
)

select
    measure,
    count(distinct user_id) as users,
    min(user_id) as first_user
from differing
group by measure
order by measure
