-- One row per registered visit: all features of the model, and since when.
-- Durations end at the visit's last event, so that they do not depend on the time of the query.
-- params: none
with wide as (
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
)

select
    users.user_id,
    users.registered_at,
    users.window_start,
    cast(users.device = 'mobile' as integer) as is_mobile,
    coalesce(cast(wide.view_count as bigint), 0) as view_count,
    coalesce(wide.product_count, 0) as product_count,
    coalesce(cast(wide.add_count as bigint), 0) as add_count,
    coalesce(cast(wide.add_sum as double), 0.0) as add_sum,
    cast(wide.add_min as double) as add_min,
    cast(wide.add_max as double) as add_max,
    coalesce(cast(wide.remove_count as bigint), 0) as remove_count,
    coalesce((epoch_us(wide.last_at) - epoch_us(wide.first_at)) / 60e6, 0.0) as minutes_active,
    (epoch_us(wide.last_at) - epoch_us(wide.last_add_at)) / 60e6 as minutes_since_add
from users
left join wide on users.user_id = wide.user_id
where users.registered_at is not null
