-- One row per event that explains a change in a chart: promotions, changes of the statements, and drift, in order.
-- params: $since, $until
select
    promoted_at as marked_at,
    'promotion' as kind,
    'version ' || model_version as name
from promotions
where promoted_at >= $since and promoted_at <= $until
union all
select
    built_at as marked_at,
    'deployment' as kind,
    'deployment' as name
from schema_history
where built_at >= $since and built_at <= $until
union all
select
    measured_at as marked_at,
    'drift' as kind,
    'drift of ' || string_agg(subject, ', ' order by subject) as name
from monitoring
where metric = 'drifted' and value > 0 and measured_at >= $since and measured_at <= $until
group by measured_at
order by marked_at, kind
