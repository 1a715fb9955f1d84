-- One row per target that fails.
-- params: none
select
    target,
    failures,
    retry_at,
    error
from delivery_failures
order by target
