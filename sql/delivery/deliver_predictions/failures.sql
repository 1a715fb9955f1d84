-- One row per failing target.
-- params: none
select
    target,
    failures,
    retry_at,
    error
from delivery_failures
order by target
