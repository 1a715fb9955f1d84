-- One row per promotion up to a time, newest first: the new champion and the reason.
-- params: $until
select
    promoted_at,
    model_name,
    model_version,
    previous_version,
    reason,
    airflow_run
from promotions
where promoted_at <= $until
order by promoted_at desc
