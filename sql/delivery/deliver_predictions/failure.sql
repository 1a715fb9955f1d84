-- One row, or none where a target is well: since when it fails and until when it is left alone.
-- params: $target
select
    failures,
    failed_at,
    retry_at,
    error
from delivery_failures
where target = $target
