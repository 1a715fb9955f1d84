-- One row per user of an experiment whose label is known: 1 if it is the desired one.
-- params: $is_positive
-- reads: labels
select
    user_id,
    cast(if($is_positive, label, 1 - label) as double) as outcome
from labels
where label is not null
