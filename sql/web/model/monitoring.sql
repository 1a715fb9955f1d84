-- One row per measurement since a time, in order.
-- params: $since
select
    measured_at,
    model_version,
    metric,
    subject,
    value
from monitoring
where measured_at >= $since
order by measured_at, metric, subject
