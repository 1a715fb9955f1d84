-- Notes that a version is live from now on.
-- params: $now, $model_name, $version, $previous, $reason, $run
insert into promotions (promoted_at, model_name, model_version, previous_version, reason, airflow_run)
values ($now, $model_name, $version, $previous, $reason, $run)
