-- One row per promotion, the newest first: the version that was live from then on, and why.
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
