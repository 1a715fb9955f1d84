-- One row per user who passed a cut-off: their features as of the cut-off.
-- params: $cutoff_minutes
select
    features_at_moment.*,
    cast($cutoff_minutes as bigint) as cutoff_minutes
from features_at_moment
inner join mature_windows on features_at_moment.user_id = mature_windows.user_id
order by features_at_moment.user_id
