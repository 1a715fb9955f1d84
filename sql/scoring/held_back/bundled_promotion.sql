-- One row, or none: the champion's first promotion, if it is a bundled model.
-- params: $bundled
select
    model_version,
    min_by(reason, promoted_at) as reason
from promotions
where model_version = (select max_by(latest.model_version, latest.promoted_at) from promotions as latest)
group by model_version
having starts_with(min_by(reason, promoted_at), $bundled)
