-- One row per source of the stored features, with its hash at the time of computation.
-- params: none
select
    source,
    sha256
from feature_fingerprint
