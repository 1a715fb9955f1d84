-- One row per user with a new value of a scored measure, and the micro-batch of scoring.
-- params: $after, $upto, $measures
select distinct
    user_id,
    cast($upto as bigint) as batch_id
from feature_state
where batch_id > $after and batch_id <= $upto and list_contains($measures, measure)
