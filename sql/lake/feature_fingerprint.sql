-- One row per statement or setting that the stored features were computed from, with its hash at that time.
-- All rows are replaced whenever features are recomputed.
-- params: none
create table if not exists feature_fingerprint (
    source varchar not null,
    sha256 varchar not null,
    noted_at timestamp
)
