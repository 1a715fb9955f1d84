-- One row per mature user with a label: their features as of $cutoff_minutes after their window opened.
-- params: $cutoff_minutes
select
    features_at_moment.* exclude (registered_at),
    cast($cutoff_minutes as bigint) as cutoff_minutes,
    cast(labels.label as bigint) as label
from features_at_moment
inner join labels on features_at_moment.user_id = labels.user_id
where labels.label is not null and features_at_moment.window_start is not null
