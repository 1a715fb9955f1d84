-- One row per promotion, in order.
-- params: none
select
    model_version,
    reason
from promotions
order by promoted_at
