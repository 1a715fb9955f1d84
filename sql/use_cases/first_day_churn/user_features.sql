-- One row per registered user: all features of the model, and since when.
-- params: none
with known_postcodes as (
    select
        postcode,
        arg_max(socioeconomic_idx, batch_id) as socioeconomic_idx
    from postcodes
    group by postcode
),

-- Sums are exact integers of cents up to here; only the last division is rounded.
moments as (
    select
        user_id,
        measure,
        value_count,
        cast(value_sum as double) as value_sum,
        cast(value_sum as double) / value_count as value_mean,
        case
            when value_count < 2 then 0.0
            else
                cast(
                    value_count * cast(value_sum_of_squares * 10000 as hugeint)
                    - cast(value_sum * 100 as hugeint) * cast(value_sum * 100 as hugeint)
                    as double
                ) / 10000.0 / (value_count * (value_count - 1.0))
        end as value_var
    from feature_state
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
        max(value_var) filter (where measure = 'win') as win_var
    from moments
    group by user_id
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
    coalesce(wide.win_var, 0.0) as win_var
from users
left join known_postcodes on users.postcode = known_postcodes.postcode
left join wide on users.user_id = wide.user_id
where users.registered_at is not null
