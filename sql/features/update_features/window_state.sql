-- One row per user, measure and item: exact aggregates of the values in the window. batch_id: from when they count.
-- params: none
-- reads: measures, value_type, windows
with counted as (
    select
        measures.* exclude (value),
        cast_to_type(measures.value, value_type.value) as value,
        cast_to_type(measures.value, value_type.factor) as factor
    from measures
    cross join value_type
    where measures.value is not null
)

select
    counted.user_id,
    counted.measure,
    counted.item,
    count(*) as value_count,
    sum(counted.value) as value_sum,
    sum(counted.value * counted.factor) as value_sum_of_squares,
    min(counted.value) as value_min,
    max(counted.value) as value_max,
    min(counted.event_time) as first_at,
    max(counted.event_time) as last_at,
    greatest(max(counted.batch_id), max(windows.batch_id)) as batch_id
from counted
inner join windows
    on
        counted.user_id = windows.user_id
        and counted.event_time between windows.window_start and windows.window_end
group by counted.user_id, counted.measure, counted.item
