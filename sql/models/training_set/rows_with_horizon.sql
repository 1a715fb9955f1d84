-- One row per mature user with a moment whose label is known: their features as of then, and the label of the time up
-- to label_known_at.
-- params: none
-- reads: features_at_moment, labels, label_moments, moments
select
    features_at_moment.* exclude (registered_at),
    moments.as_of,
    moments.cutoff_minutes,
    moments.scored_because,
    label_moments.label_known_at,
    cast(labels.label as bigint) as label
from features_at_moment
inner join moments on features_at_moment.user_id = moments.user_id
inner join label_moments on moments.user_id = label_moments.user_id and moments.as_of = label_moments.as_of
inner join labels on moments.user_id = labels.user_id and moments.as_of = labels.as_of
where labels.label is not null and features_at_moment.window_start is not null
