-- One row: how many users a target has been decided to reach on the day of a moment, UTC.
-- params: $target, $moment
select cast(coalesce(sum(treated), 0) as bigint) as treated
from decided_batches
where target = $target and cast(decided_at as date) = cast(cast($moment as timestamp) as date)
