-- One row per raw event that features are computed from; initially, the events of the current micro-batches, of the
-- users in some of the 16 buckets.
-- params: $after, $upto, $buckets
select *
from events
where
    batch_id > $after and batch_id <= $upto
    and (len($buckets) = 16 or list_contains($buckets, cast(md5_number_lower(user_id) % 16 as integer)))
