-- One row per measured value since a moment, in order.
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
