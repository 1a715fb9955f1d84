-- One row per erased user: a salted hash of the id, to recognise later events of the user.
-- params: none
create table if not exists tombstones (
    user_sha256 varchar not null, -- salted hash of the user's id
    salt varchar not null, -- its salt
    forgotten_at timestamp not null, -- when the user was erased
    airflow_run varchar -- run that erased the user
)
