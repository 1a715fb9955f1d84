-- One row per mature user: their moment of one draw.
-- params: $draw
-- reads: sampled_moments
select
    user_id,
    as_of,
    cast(null as bigint) as cutoff_minutes,
    scored_because
from sampled_moments
where draw = $draw
