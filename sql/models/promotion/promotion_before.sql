-- One row: the last promotion before the present champion's that was of another version; none where it is the first.
-- params: $version
with present as (
    select max(promoted_at) as promoted_at
    from promotions
    where model_version = $version
)

select promotions.model_version
from promotions
cross join present
where promotions.model_version != $version and promotions.promoted_at < present.promoted_at
order by promotions.promoted_at desc
limit 1
