union all
select
    user_id,
    event_time,
    '${measure}' as measure,
    cast(null as varchar) as item,
    ${column} as value,
    batch_id
from window_events
where ${column} is not null
