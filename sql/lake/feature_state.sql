-- One row per user and measure: exact aggregates of the values inside the window. Merging two is associative.
-- batch_id: the last micro-batch that brought a value.
-- params: none
create table if not exists feature_state (
    user_id varchar not null,
    measure varchar not null,
    value_count bigint not null,
    value_sum decimal(38, 2) not null,
    value_sum_of_squares decimal(38, 4) not null,
    batch_id bigint not null
)
