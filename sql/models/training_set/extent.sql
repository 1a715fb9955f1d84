-- One row: the rows and users of the training set, and the share of users whose label is 1, of one with several the
-- mean; null without users.
-- params: none
-- reads: training_rows
with users_of_set as (
    select
        user_id,
        avg(label) as label
    from training_rows
    group by user_id
)

select
    (select count(*) from training_rows) as row_count,
    count(*) as user_count,
    avg(label) as label_rate
from users_of_set
