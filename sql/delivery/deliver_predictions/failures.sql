-- One row per target that fails.
-- params: none
select
    target,
    failures,
    retry_at,
    error
from failing_targets
order by target
