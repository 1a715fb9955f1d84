-- One row: the number of users whose label became known lately, and of those who churned.
-- params: none
-- reads: labels
select
    count(*) as users,
    count(*) filter (where label = 1) as churned
from labels
where label is not null
