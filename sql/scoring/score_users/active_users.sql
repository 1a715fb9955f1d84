-- One row per user with a new value of a scored measure: the micro-batch of scoring, and when the last one was.
-- params: $after, $upto, $measures
select
    user_id,
    cast($upto as bigint) as batch_id,
    max(last_at) as last_at
from feature_state
where batch_id > $after and batch_id <= $upto and list_contains($measures, measure)
group by user_id
