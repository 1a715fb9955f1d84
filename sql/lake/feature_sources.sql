-- One row per statement or setting that the stored features were computed from, with its hash at that time.
-- params: none
create table if not exists feature_sources (
    source varchar not null,
    sha256 varchar not null
)
