-- One row: the time of the last recompute of all features.
-- params: none
select max(noted_at) as noted_at
from feature_fingerprint
