-- One row per user, in some of the 16 buckets, of whom a scored measure has counted a new value, and for which
-- micro-batch they are scored.
-- params: $after, $upto, $buckets, $measures
select distinct
    user_id,
    cast($upto as bigint) as batch_id
from feature_state
where
    batch_id > $after and batch_id <= $upto and list_contains($measures, measure)
    and (len($buckets) = 16 or list_contains($buckets, cast(md5_number_lower(user_id) % 16 as integer)))
