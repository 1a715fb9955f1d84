-- Notes that a user is forgotten.
-- params: $user_sha256, $salt, $now, $airflow_run
insert into tombstones
values ($user_sha256, $salt, $now, $airflow_run)
