-- One row per sampled user: their features as of the prediction, recomputed.
-- params: none
select *
from features_at_moment
order by user_id
