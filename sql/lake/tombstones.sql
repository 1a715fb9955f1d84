-- One row per user who is forgotten: a salted hash that tells the user from others when they come again.
-- params: none
create table if not exists tombstones (
    user_sha256 varchar not null,
    salt varchar not null,
    forgotten_at timestamp not null,
    airflow_run varchar
)
