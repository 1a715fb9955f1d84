-- One row per user with a moment whose horizon is over: the opening of their window, and the label at it, by which
-- users are sampled. A user without one may have a label later, and counts as one with label 0.
-- params: none
-- reads: labels, label_moments
select
    label_moments.user_id,
    label_moments.window_start,
    coalesce(cast(labels.label as bigint), 0) as label
from label_moments
left join labels on label_moments.user_id = labels.user_id
