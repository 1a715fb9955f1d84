-- One row per counted value. Items of `lesson` are topics, items of `active_day` are days.
-- params: none
-- reads: window_events
select
    user_id,
    event_time,
    case event_type
        when 'payment_made' then 'payment'
        when 'session_started' then 'session'
        when 'lesson_completed' then 'lesson'
        when 'support_contacted' then 'support'
    end as measure,
    topic as item,
    case when event_type = 'payment_made' then amount else 1 end as value,
    batch_id
from window_events
where event_type in ('payment_made', 'session_started', 'lesson_completed', 'support_contacted')
union all
select
    user_id,
    event_time,
    'active_day' as measure,
    strftime(event_time, '%Y-%m-%d') as item,
    1 as value,
    batch_id
from window_events
where event_type in ('session_started', 'lesson_completed')
