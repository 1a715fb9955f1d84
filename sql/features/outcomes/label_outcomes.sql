-- One row per user of an experiment whose label is known: 1 if they stayed, 0 if they churned.
-- params: none
-- reads: labels
select
    user_id,
    cast(1 - label as double) as outcome
from labels
where label is not null
