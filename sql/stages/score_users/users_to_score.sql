-- One row per user of whom a scored measure has counted a new value: the features as they are used.
-- params: $after, $upto, $measures
with active as (
    select distinct user_id
    from feature_state
    where batch_id > $after and batch_id <= $upto and list_contains($measures, measure)
)

select user_features.*
from user_features
inner join active on user_features.user_id = active.user_id
order by user_features.user_id
