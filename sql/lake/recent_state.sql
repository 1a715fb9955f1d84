-- One row per user and measure of recent values: exact aggregates as of a moment, at most the end of the window, with
-- the columns of feature_state. Of a sliding window those of its whole tiles, of the newest values each value's own.
-- params: $as_of, $recent
-- reads: feature_state, users
with rules as (
    select
        unnest(
            from_json(
                $recent,
                '[{"name": "VARCHAR", "state": "VARCHAR", "hop": "BIGINT", "size": "BIGINT"}]'
            ),
            recursive := true
        )
),

-- Not before the last event: a source's clock may be ahead. In microseconds.
moments as (
    select
        users.user_id,
        epoch_us(
            greatest(least($as_of, any_value(users.window_end)), max(feature_state.last_at))
        ) as moment
    from users
    inner join feature_state on users.user_id = feature_state.user_id
    group by users.user_id
),

in_windows as (
    select feature_state.* replace (rules.name as measure)
    from feature_state
    inner join rules on feature_state.measure = rules.state
    inner join moments on feature_state.user_id = moments.user_id
    where rules.hop is not null and try_cast(feature_state.item as bigint) > moments.moment // rules.hop - rules.size
),

ordered as (
    select
        feature_state.* replace (rules.name as measure),
        rules.size,
        sum(feature_state.value_count) over (
            partition by feature_state.user_id, rules.name
            order by feature_state.last_at desc, feature_state.value_max desc
        ) - feature_state.value_count as newer
    from feature_state
    inner join rules on feature_state.measure = rules.state
    where rules.hop is null
),

-- One row per value: identical values of one moment are one row of feature_state.
newest as (
    select
        * replace (
            1 as value_count,
            value_max as value_sum,
            value_max * cast_to_type(value_max, value_sum) as value_sum_of_squares
        ),
        unnest(range(cast(least(value_count, size - newer) as bigint))) as place
    from ordered
    where newer < size
),

recent as (
    select * from in_windows
    union all by name
    select * exclude (size, newer, place) from newest
)

select
    user_id,
    measure,
    cast(null as varchar) as item,
    cast(sum(value_count) as bigint) as value_count,
    sum(value_sum) as value_sum,
    sum(value_sum_of_squares) as value_sum_of_squares,
    min(value_min) as value_min,
    max(value_max) as value_max,
    min(first_at) as first_at,
    max(last_at) as last_at,
    max(batch_id) as batch_id
from recent
group by user_id, measure
