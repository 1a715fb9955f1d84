-- One row per mature user with a label and a moment: their features as of then.
-- params: none
-- reads: features_at_moment, labels, moments
select
    features_at_moment.* exclude (registered_at),
    moments.as_of,
    moments.cutoff_minutes,
    moments.scored_because,
    cast(labels.label as bigint) as label
from features_at_moment
inner join moments on features_at_moment.user_id = moments.user_id
inner join labels on features_at_moment.user_id = labels.user_id
where labels.label is not null and features_at_moment.window_start is not null
