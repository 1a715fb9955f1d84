-- One row per user, measure and item: exact aggregates of the values inside the window. Merging two is associative.
-- params: none
create table if not exists feature_state (
    user_id varchar not null, -- user
    measure varchar not null, -- measure of measures.sql
    item varchar, -- item of the values, such as a product, so that distinct items can be counted; else null
    value_count bigint not null, -- number of values
    value_sum decimal(38, 2) not null, -- their exact sum
    value_sum_of_squares decimal(38, 4) not null, -- exact sum of their squares
    value_min decimal(18, 2), -- least value
    value_max decimal(18, 2), -- greatest value
    first_at timestamp, -- time of the first value
    last_at timestamp, -- time of the last value
    batch_id bigint not null -- last micro-batch with a value
)
