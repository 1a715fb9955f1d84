-- One row per value that counts: which event counts towards which measure, with which value.
-- item: which of several things it is of, so that user_features.sql can count different ones; null where there is one.
-- params: none
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
