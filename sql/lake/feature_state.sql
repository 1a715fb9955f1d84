-- One row per user, measure and item: exact aggregates of the values inside the window. Merging two is associative.
-- Decimals are as many as `value` of measures.sql has, from 2 to 8; twice as many of the squares.
-- params: none
-- reads: value_type
create table if not exists feature_state as
select
    cast(null as varchar) as user_id, -- user
    cast(null as varchar) as measure, -- measure of measures.sql
    cast(null as varchar) as item, -- item of the values, such as a product, to count distinct ones; else null
    cast(null as bigint) as value_count, -- number of values
    sum(value) over () as value_sum, -- their exact sum
    sum(value * factor) over () as value_sum_of_squares, -- exact sum of their squares
    value as value_min, -- least value
    value as value_max, -- greatest value
    cast(null as timestamp) as first_at, -- time of the first value
    cast(null as timestamp) as last_at, -- time of the last value
    cast(null as bigint) as batch_id -- last micro-batch with a value
from value_type
limit 0
