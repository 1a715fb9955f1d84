-- One row per registered user: all features of the model as of a moment, at most the end of their window.
-- params: $as_of
-- reads: feature_values, postcodes, users
with known_postcodes as (
    select
        postcode,
        arg_max(socioeconomic_idx, batch_id) as socioeconomic_idx
    from postcodes
    group by postcode
),

wide as (
    select
        user_id,
        max(value_sum) filter (where measure = 'purchase') as purchase_sum,
        max(value_mean) filter (where measure = 'purchase') as purchase_mean,
        max(value_count) filter (where measure = 'purchase') as purchase_count,
        max(value_var) filter (where measure = 'purchase') as purchase_var,
        max(value_sum) filter (where measure = 'bet') as bet_sum,
        max(value_mean) filter (where measure = 'bet') as bet_mean,
        max(value_count) filter (where measure = 'bet') as bet_count,
        max(value_var) filter (where measure = 'bet') as bet_var,
        max(value_sum) filter (where measure = 'win') as win_sum,
        max(value_mean) filter (where measure = 'win') as win_mean,
        max(value_count) filter (where measure = 'win') as win_count,
        max(value_var) filter (where measure = 'win') as win_var,
        max(last_at) as last_at
    from feature_values
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
    known_postcodes.socioeconomic_idx,
    coalesce(wide.purchase_sum, 0.0) as purchase_sum,
    coalesce(wide.purchase_mean, 0.0) as purchase_mean,
    coalesce(wide.purchase_count, 0) as purchase_count,
    coalesce(wide.purchase_var, 0.0) as purchase_var,
    coalesce(wide.bet_sum, 0.0) as bet_sum,
    coalesce(wide.bet_mean, 0.0) as bet_mean,
    coalesce(wide.bet_count, 0) as bet_count,
    coalesce(wide.bet_var, 0.0) as bet_var,
    coalesce(wide.win_sum, 0.0) as win_sum,
    coalesce(wide.win_mean, 0.0) as win_mean,
    coalesce(wide.win_count, 0) as win_count,
    coalesce(wide.win_var, 0.0) as win_var,
    coalesce((moments.moment - epoch_us(users.window_start)) / 3600e6, 0.0) as hours_since_open,
    (moments.moment - epoch_us(wide.last_at)) / 3600e6 as hours_since_event,
    -- As if 20 bets with 6 wins, the usual share, had gone before: of few bets little is known.
    (coalesce(wide.win_count, 0) + 6) / (coalesce(wide.bet_count, 0) + 20.0) as win_rate,
    -- Over an hour at least: a rate of the first minutes says nothing.
    coalesce(wide.bet_count, 0) * 3600e6
    / greatest(moments.moment - epoch_us(users.window_start), 3600e6) as bets_per_hour
from users
left join known_postcodes on users.postcode = known_postcodes.postcode
left join wide on users.user_id = wide.user_id
inner join moments on users.user_id = moments.user_id
where users.registered_at is not null
