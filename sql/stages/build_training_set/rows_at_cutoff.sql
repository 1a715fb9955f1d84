-- One row per mature user with a label: their features as they stood $cutoff_minutes after their window opened.
-- params: $cutoff_minutes
select
    features_at_cutoff.* exclude (registered_at),
    cast($cutoff_minutes as bigint) as cutoff_minutes,
    cast(users.label as bigint) as label
from features_at_cutoff
inner join mature_windows on features_at_cutoff.user_id = mature_windows.user_id
inner join users on features_at_cutoff.user_id = users.user_id
where users.label is not null
