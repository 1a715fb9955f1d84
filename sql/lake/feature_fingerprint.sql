-- One row per statement or setting that the stored features were computed from, with its hash at that time.
-- All rows are replaced whenever features are recomputed.
-- params: none
create table if not exists feature_fingerprint (
    source varchar not null, -- statement or setting
    sha256 varchar not null, -- its hash
    noted_at timestamp -- when the features were computed from it
)
