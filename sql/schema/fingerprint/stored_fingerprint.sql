-- One row per source of the stored features, with its hash when they were computed.
-- params: none
select
    source,
    sha256
from feature_fingerprint
