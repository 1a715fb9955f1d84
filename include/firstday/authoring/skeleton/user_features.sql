-- One row per registered user: all features of the model, and since when.
-- feature_state has value_count, value_sum, value_sum_of_squares, value_min, value_max, first_at and last_at of each
-- measure and item. Durations end at the user's last event, so that they do not depend on the time of the query.
-- params: none
with wide as (
    select
        user_id,
${wide}        count(*) filter (where measure = 'active_hour') as active_hours,
        min(first_at) as first_at,
        max(last_at) as last_at
    from feature_state
    group by user_id
)

select
    users.user_id,
    users.registered_at,
    users.window_start,
${selected}    coalesce(wide.active_hours, 0) as active_hours,
    coalesce((epoch_us(wide.last_at) - epoch_us(wide.first_at)) / 60e6, 0.0) as minutes_active
from users
left join wide on users.user_id = wide.user_id
where users.registered_at is not null
