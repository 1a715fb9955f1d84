-- One row: how many users have a known label, and the share with the outcome; of a user with several the mean counts.
-- params: none
-- reads: labels
with known as (
    select
        user_id,
        avg(cast(label as double)) as label
    from labels
    where label is not null
    group by user_id
)

select
    count(*) as users,
    avg(label) as rate
from known
