-- One row per user of whom a scored measure has counted a new value: the features as they are used.
-- params: $after, $upto, $measures
select user_features.*
from user_features
where user_features.user_id in (
    select feature_state.user_id
    from feature_state
    where
        feature_state.batch_id > $after
        and feature_state.batch_id <= $upto
        and list_contains($measures, feature_state.measure)
)
order by user_features.user_id
