-- One row per registered visit: all features of the model as of a moment, at most the end of its window.
-- Amounts become doubles by way of text, which is read to the nearest one.
-- params: $as_of
-- reads: feature_state, recent_state, users
with recent as (
    select
        user_id,
        max(value_count) filter (where measure = 'view_10m') as view_10m_count
    from recent_state
    group by user_id
),

wide as (
    select
        user_id,
        sum(value_count) filter (where measure = 'view') as view_count,
        count(*) filter (where measure = 'product') as product_count,
        sum(value_count) filter (where measure = 'add') as add_count,
        sum(value_sum) filter (where measure = 'add') as add_sum,
        min(value_min) filter (where measure = 'add') as add_min,
        max(value_max) filter (where measure = 'add') as add_max,
        sum(value_count) filter (where measure = 'remove') as remove_count,
        min(first_at) as first_at,
        max(last_at) as last_at,
        max(last_at) filter (where measure = 'add') as last_add_at
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
    users.device,
    coalesce(cast(wide.view_count as bigint), 0) as view_count,
    coalesce(recent.view_10m_count, 0) as view_10m_count,
    coalesce(wide.product_count, 0) as product_count,
    coalesce(cast(wide.add_count as bigint), 0) as add_count,
    coalesce(cast(cast(wide.add_sum as varchar) as double), 0.0) as add_sum,
    cast(cast(wide.add_min as varchar) as double) as add_min,
    cast(cast(wide.add_max as varchar) as double) as add_max,
    coalesce(cast(wide.remove_count as bigint), 0) as remove_count,
    coalesce((epoch_us(wide.last_at) - epoch_us(wide.first_at)) / 60e6, 0.0) as minutes_active,
    coalesce((moments.moment - epoch_us(users.window_start)) / 60e6, 0.0) as minutes_since_open,
    (moments.moment - epoch_us(wide.last_at)) / 60e6 as minutes_since_event,
    (moments.moment - epoch_us(wide.last_add_at)) / 60e6 as minutes_since_add
from users
inner join moments on users.user_id = moments.user_id
left join wide on users.user_id = wide.user_id
left join recent on users.user_id = recent.user_id
where users.registered_at is not null
