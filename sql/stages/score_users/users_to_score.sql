-- One row per user, in some of the 16 buckets, of whom a scored measure has counted a new value: the features as used.
-- params: $after, $upto, $buckets, $measures
with active as (
    select distinct user_id
    from feature_state
    where
        batch_id > $after and batch_id <= $upto and list_contains($measures, measure)
        and (len($buckets) = 16 or list_contains($buckets, cast(md5_number_lower(user_id) % 16 as integer)))
)

select user_features.*
from user_features
inner join active on user_features.user_id = active.user_id
order by user_features.user_id
