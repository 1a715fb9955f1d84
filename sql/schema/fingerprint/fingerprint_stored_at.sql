-- One row: when all features were last computed anew.
-- params: none
select max(noted_at) as noted_at
from feature_fingerprint
