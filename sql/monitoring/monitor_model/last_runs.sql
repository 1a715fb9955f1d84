-- One row per subject of a metric: in how many of the last monitoring runs it was above zero.
-- params: $metric, $model_version, $runs
with numbered as (
    select
        subject,
        value,
        row_number() over (partition by subject order by batch_id desc, measured_at desc) as look
    from monitoring
    where metric = $metric and model_version = $model_version
)

select
    subject,
    count(*) filter (where value > 0) as times
from numbered
where look <= $runs
group by subject
order by subject
