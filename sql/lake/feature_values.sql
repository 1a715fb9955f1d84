-- One row per user, measure and item: feature_state's numbers as doubles, each the nearest to the exact value.
-- value_var is the sample variance, 0 of one value.
-- params: none
-- reads: feature_state
with exact as (
    select
        *,
        cast(value_sum * 100 as hugeint) as cents,
        value_count * cast(value_sum_of_squares * 10000 as hugeint)
        - cast(value_sum * 100 as hugeint) * cast(value_sum * 100 as hugeint) as spread,
        10000 * value_count * greatest(value_count - 1, 1) as spread_divisor
    from feature_state
),

-- Integers below 2^53 are exact as doubles, so their quotient is rounded once. These are larger.
large as (
    select
        user_id,
        measure,
        item,
        unnest(['sum', 'mean', 'var']) as part,
        unnest([cents, cents, spread]) as dividend,
        unnest([100, 100 * value_count, spread_divisor]) as divisor
    from exact
    where greatest(abs(cents), spread, spread_divisor) >= 9007199254740992
),

-- Divided as by hand: 36 decimals, and a 1 where more follow, are a text that is read to the nearest double.
divided as (
    select
        *,
        abs(dividend) // divisor as whole,
        abs(dividend) % divisor * 1000000000000000000 as remainder
    from large
),

quotients as (
    select
        *,
        sign(dividend) * cast(
            concat(
                whole,
                '.',
                lpad(cast(remainder // divisor as varchar), 18, '0'),
                lpad(cast(remainder % divisor * 1000000000000000000 // divisor as varchar), 18, '0'),
                case when remainder % divisor * 1000000000000000000 % divisor > 0 then '1' else '' end
            ) as double
        ) as quotient
    from divided
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
    coalesce(amounts.value_sum, cast(exact.cents as double) / 100) as value_sum,
    coalesce(amounts.value_mean, cast(exact.cents as double) / (100 * exact.value_count)) as value_mean,
    coalesce(amounts.value_var, cast(exact.spread as double) / exact.spread_divisor) as value_var,
    exact.first_at,
    exact.last_at
from exact
left join amounts
    on
        exact.user_id = amounts.user_id
        and exact.measure = amounts.measure
        and exact.item is not distinct from amounts.item
