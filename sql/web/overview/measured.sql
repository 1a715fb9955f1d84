-- One row per measurement of the latest monitoring run.
-- params: none
select
    measured_at,
    model_version,
    metric,
    subject,
    value
from monitoring
where measured_at = (select max(latest.measured_at) from monitoring as latest)
order by metric, subject
