-- One row per registered user: all features of the model as of a moment, at most the end of their window.
-- feature_state has value_count, value_sum, value_sum_of_squares, value_min, value_max, first_at and last_at of each
-- measure and item. Amounts become doubles by way of text, which is read to the nearest one.
-- params: $$as_of
-- reads: users, feature_state
with wide as (
    select
        user_id,
${wide}        count(*) filter (where measure = 'active_hour') as active_hours,
        min(first_at) as first_at,
        max(last_at) as last_at
    from feature_state
    group by user_id
),

-- Not before the last event: a source's clock may be ahead. In microseconds.
moments as (
    select
        users.user_id,
        epoch_us(greatest(least($$as_of, users.window_end), users.window_start, wide.last_at)) as moment
    from users
    left join wide on users.user_id = wide.user_id
)

select
    users.user_id,
    users.registered_at,
    users.window_start,
${selected}    coalesce(wide.active_hours, 0) as active_hours,
    coalesce((epoch_us(wide.last_at) - epoch_us(wide.first_at)) / 60e6, 0.0) as minutes_active,
    coalesce((moments.moment - epoch_us(users.window_start)) / 60e6, 0.0) as minutes_since_open,
    (moments.moment - epoch_us(wide.last_at)) / 60e6 as minutes_since_event
from users
inner join moments on users.user_id = moments.user_id
left join wide on users.user_id = wide.user_id
where users.registered_at is not null
