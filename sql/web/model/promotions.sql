-- One row per promotion, newest first: the new champion and the reason.
-- params: none
select
    promoted_at,
    model_name,
    model_version,
    previous_version,
    reason,
    airflow_run
from promotions
order by promoted_at desc
