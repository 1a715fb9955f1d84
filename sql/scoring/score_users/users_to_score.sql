-- One row per registered user of one part: the features used, as of when, for which micro-batch, and why.
-- params: $as_of
-- reads: user_features, part_of_users
select
    user_features.*,
    cast($as_of as timestamp) as as_of,
    part_of_users.batch_id,
    part_of_users.scored_because
from user_features
inner join part_of_users on user_features.user_id = part_of_users.user_id
order by user_features.user_id
