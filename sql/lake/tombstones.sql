-- One row per erased user: a salted hash of the id, to recognise later events of the user.
-- params: none
create table if not exists tombstones (
    user_sha256 varchar not null,
    salt varchar not null,
    forgotten_at timestamp not null,
    airflow_run varchar
)
