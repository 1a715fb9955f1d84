-- One row per user, in some of the 16 buckets, with a new value of a scored measure, and the micro-batch of scoring.
-- params: $after, $upto, $buckets, $measures, $from_time, $as_of
select distinct
    user_id,
    cast($upto as bigint) as batch_id,
    cast($from_time as timestamp) as from_time,
    cast($as_of as timestamp) as as_of
from feature_state
where
    batch_id > $after and batch_id <= $upto and list_contains($measures, measure)
    and (len($buckets) = 16 or list_contains($buckets, cast(md5_number_lower(user_id) % 16 as integer)))
