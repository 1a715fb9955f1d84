-- One row per counted value: which event counts towards which measure, with which value.
-- item: the item of the value, such as a product, so that user_features.sql can count distinct items; else null.
-- params: none
-- reads: window_events
select
    user_id,
    event_time,
    event_type as measure,
    cast(null as varchar) as item,
    1 as value,
    batch_id
from window_events
${amounts}union all
select
    user_id,
    event_time,
    'active_hour' as measure,
    strftime(event_time, '%Y-%m-%d %H') as item,
    1 as value,
    batch_id
from window_events
