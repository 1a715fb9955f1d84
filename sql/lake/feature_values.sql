-- One row per user, measure and item: sum, mean and sample variance (0 of one value), as the doubles nearest to them.
-- params: none
-- reads: feature_state, recent_state
with states as (
    select * from feature_state
    union all by name
    select * from recent_state
),

scaled as (
    select
        *,
        cast(regexp_extract(typeof(value_sum), ',(\d+)', 1) as integer) as decimals,
        cast(power(10, decimals) as hugeint) as unit
    from states
),

-- In units of the last decimal: whole part and fraction apart, as their product would have too many digits.
exact as (
    select
        *,
        cast(trunc(value_sum) as hugeint) * unit + cast((value_sum - trunc(value_sum)) * unit as hugeint) as units,
        cast(trunc(value_sum_of_squares) as hugeint) * unit * unit
        + cast((value_sum_of_squares - trunc(value_sum_of_squares)) * (unit * unit) as hugeint) as square_units,
        value_count * square_units - units * units as spread,
        unit * unit * value_count * greatest(value_count - 1, 1) as spread_divisor
    from scaled
),

-- Integers below 2^53 are exact as doubles, so their quotient is rounded once. These are larger.
large as (
    select
        user_id,
        measure,
        item,
        unnest(['sum', 'mean', 'var']) as part,
        unnest([units, units, spread]) as dividend,
        unnest([1, value_count, value_count * greatest(value_count - 1, 1)]) as divisor,
        unnest([decimals, decimals, 2 * decimals]) as decimals
    from exact
    where greatest(abs(units), spread, spread_divisor) >= 9007199254740992
),

-- Divided as by hand: 36 decimals, a 1 where more follow, and the exponent are a text, read to the nearest double.
quotients as (
    select
        *,
        abs(dividend) // divisor as whole,
        abs(dividend) % divisor * 1000000000000000000 as remainder,
        sign(dividend) * cast(
            concat(
                concat(whole, '.'),
                lpad(cast(remainder // divisor as varchar), 18, '0'),
                lpad(cast(remainder % divisor * 1000000000000000000 // divisor as varchar), 18, '0'),
                case when remainder % divisor * 1000000000000000000 % divisor > 0 then '1' else '' end,
                concat('e-', decimals)
            ) as double
        ) as quotient
    from large
),

amounts as (
    select
        user_id,
        measure,
        item,
        max(quotient) filter (where part = 'sum') as value_sum,
        max(quotient) filter (where part = 'mean') as value_mean,
        max(quotient) filter (where part = 'var') as value_var
    from quotients
    group by user_id, measure, item
)

select
    exact.user_id,
    exact.measure,
    exact.item,
    exact.value_count,
    coalesce(amounts.value_sum, cast(exact.units as double) / cast(exact.unit as double)) as value_sum,
    coalesce(
        amounts.value_mean, cast(exact.units as double) / cast(exact.unit * exact.value_count as double)
    ) as value_mean,
    coalesce(amounts.value_var, cast(exact.spread as double) / cast(exact.spread_divisor as double)) as value_var,
    exact.first_at,
    exact.last_at
from exact
left join amounts
    on
        exact.user_id = amounts.user_id and exact.measure = amounts.measure
        and exact.item is not distinct from amounts.item
