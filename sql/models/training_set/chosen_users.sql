-- One row per user of the training set: of those with a label, at most $maximum_users, as many of each label and day of
-- the opening of the window as their share. Users of a day are in the order of a hash: the same are chosen each time.
-- params: $maximum_users
-- reads: labelled_users
with ordered as (
    select
        user_id,
        row_number() over (
            order by label, date_trunc('day', window_start), md5(user_id), user_id
        ) as place,
        count(*) over () as total
    from labelled_users
    where label is not null
)

select user_id
from ordered
where
    total <= $maximum_users
    or place * $maximum_users // total > (place - 1) * $maximum_users // total
