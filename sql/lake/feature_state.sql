-- One row per user, measure and item: exact aggregates of the values inside the window. Merging two is associative.
-- item: the item of the values, such as a product, so that distinct items can be counted; else null.
-- batch_id: the last micro-batch with a value.
-- params: none
create table if not exists feature_state (
    user_id varchar not null,
    measure varchar not null,
    item varchar,
    value_count bigint not null,
    value_sum decimal(38, 2) not null,
    value_sum_of_squares decimal(38, 4) not null,
    value_min decimal(18, 2),
    value_max decimal(18, 2),
    first_at timestamp,
    last_at timestamp,
    batch_id bigint not null
)
