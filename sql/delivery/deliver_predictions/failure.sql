-- One row, or none for a working target: since when it has failed and when it is retried.
-- params: $target
select
    failures,
    failed_at,
    retry_at,
    error
from delivery_failures
where target = $target
