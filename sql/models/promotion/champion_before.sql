-- One row: the last promotion before the present champion's that was of another version; none where it is the first.
-- params: $version
with present as (
    select max(promoted_at) as promoted_at
    from champions
    where model_version = $version
)

select champions.model_version
from champions
cross join present
where champions.model_version != $version and champions.promoted_at < present.promoted_at
order by champions.promoted_at desc
limit 1
