-- One row per registered subscriber: all features of the model as of a moment, at most the end of their window.
-- Amounts become doubles by way of text, which is read to the nearest one.
-- params: $as_of
-- reads: feature_state, users
with wide as (
    select
        user_id,
        sum(value_count) filter (where measure = 'payment') as payment_count,
        sum(value_sum) filter (where measure = 'payment') as payment_sum,
        min(value_min) filter (where measure = 'payment') as payment_min,
        max(value_max) filter (where measure = 'payment') as payment_max,
        sum(value_count) filter (where measure = 'session') as session_count,
        sum(value_count) filter (where measure = 'lesson') as lesson_count,
        count(*) filter (where measure = 'lesson') as topic_count,
        count(*) filter (where measure = 'active_day') as active_days,
        sum(value_count) filter (where measure = 'support') as support_count,
        min(first_at) as first_at,
        max(last_at) as last_at,
        max(last_at) filter (where measure = 'lesson') as last_lesson_at,
        max(last_at) filter (where measure = 'session') as last_session_at
    from feature_state
    group by user_id
),

-- Not before the last event: a source's clock may be ahead. In microseconds.
moments as (
    select
        users.user_id,
        epoch_us(greatest(least($as_of, users.window_end), users.window_start, wide.last_at)) as moment
    from users
    left join wide on users.user_id = wide.user_id
)

select
    users.user_id,
    users.registered_at,
    users.window_start,
    cast(users.plan = 'yearly' as integer) as is_yearly,
    coalesce(cast(wide.payment_count as bigint), 0) as payment_count,
    coalesce(cast(cast(wide.payment_sum as varchar) as double), 0.0) as payment_sum,
    cast(cast(wide.payment_min as varchar) as double) as payment_min,
    cast(cast(wide.payment_max as varchar) as double) as payment_max,
    coalesce(cast(wide.session_count as bigint), 0) as session_count,
    coalesce(cast(wide.lesson_count as bigint), 0) as lesson_count,
    coalesce(wide.topic_count, 0) as topic_count,
    coalesce(wide.active_days, 0) as active_days,
    coalesce(cast(wide.support_count as bigint), 0) as support_count,
    coalesce((epoch_us(wide.last_at) - epoch_us(wide.first_at)) / 3600e6, 0.0) as hours_active,
    coalesce((moments.moment - epoch_us(users.window_start)) / 3600e6, 0.0) as hours_since_open,
    (moments.moment - epoch_us(wide.last_at)) / 3600e6 as hours_since_event,
    (moments.moment - epoch_us(wide.last_lesson_at)) / 3600e6 as hours_since_lesson,
    (moments.moment - epoch_us(wide.last_session_at)) / 3600e6 as hours_since_session
from users
inner join moments on users.user_id = moments.user_id
left join wide on users.user_id = wide.user_id
where users.registered_at is not null
