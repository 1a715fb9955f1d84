-- One row per counted value: those of the whole window and, of measures with recent values, each once more with what it
-- is kept by: the number of its tile since 1970, or its moment and value.
-- params: none
-- reads: window_measures, recent_rules
with whole as materialized (
    select *
    from window_measures
),

kept_by as (
    select distinct
        measure,
        state,
        hop
    from recent_rules
)

select
    user_id,
    event_time,
    measure,
    item,
    value,
    batch_id
from whole
union all by name
select
    whole.user_id,
    whole.event_time,
    kept_by.state as measure,
    case
        when kept_by.hop is null then concat(epoch_us(whole.event_time), '/', whole.value)
        else cast(epoch_us(whole.event_time) // kept_by.hop as varchar)
    end as item,
    whole.value,
    whole.batch_id
from whole
inner join kept_by on whole.measure = kept_by.measure
where whole.value is not null
