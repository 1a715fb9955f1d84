-- One row per measurement of an experiment, the oldest first; of many, about so many at equal distances and the last.
-- params: $experiment, $points
with numbered as (
    select
        effects.*,
        count(*) over () as measured,
        row_number() over (order by effects.measured_at desc) as place
    from effects
    where effects.experiment = $experiment
)

select * exclude (measured, place)
from numbered
where (place - 1) % greatest(measured // $points, 1) = 0
order by measured_at
