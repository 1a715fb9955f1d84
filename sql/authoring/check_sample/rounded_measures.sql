-- One row per measure with values of more than two decimals, to which feature_state rounds them: how many, and one.
-- params: none
-- reads: measures
select
    measure,
    count(*) as value_count,
    count(*) filter (where cast(value as decimal(18, 2)) <> value) as rounded,
    cast(min(value) filter (where cast(value as decimal(18, 2)) <> value) as varchar) as example
from measures
where value is not null
group by measure
having count(*) filter (where cast(value as decimal(18, 2)) <> value) > 0
order by measure
