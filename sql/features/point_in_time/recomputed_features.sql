-- One row per sampled user: the features as they stood, computed anew.
-- params: none
select *
from features_at_cutoff
order by user_id
