-- One row per touched user, measure and item, as stored in feature_state afterwards: the stored state merged with the
-- new events. A recomputed user starts from an empty state.
-- params: none
-- reads: known_state, window_state
with parts as (
    select *
    from known_state
    union all by name
    select *
    from window_state
)

select
    user_id,
    measure,
    item,
    cast(sum(value_count) as bigint) as value_count,
    sum(value_sum) as value_sum,
    sum(value_sum_of_squares) as value_sum_of_squares,
    min(value_min) as value_min,
    max(value_max) as value_max,
    min(first_at) as first_at,
    max(last_at) as last_at,
    max(batch_id) as batch_id
from parts
group by user_id, measure, item
