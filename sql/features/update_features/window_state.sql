-- One row per user, measure and item: exact aggregates of the values in the window. batch_id: from when they count.
-- params: none
select
    measures.user_id,
    measures.measure,
    measures.item,
    count(*) as value_count,
    sum(cast(measures.value as decimal(18, 2))) as value_sum,
    sum(cast(measures.value as decimal(18, 2)) * cast(measures.value as decimal(18, 2))) as value_sum_of_squares,
    min(cast(measures.value as decimal(18, 2))) as value_min,
    max(cast(measures.value as decimal(18, 2))) as value_max,
    min(measures.event_time) as first_at,
    max(measures.event_time) as last_at,
    greatest(max(measures.batch_id), max(windows.batch_id)) as batch_id
from measures
inner join windows
    on
        measures.user_id = windows.user_id
        and measures.event_time between windows.window_start and windows.window_end
where measures.value is not null
group by measures.user_id, measures.measure, measures.item
