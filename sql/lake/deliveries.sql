-- One row per prediction delivered to a target.
-- params: none
create table if not exists deliveries (
    target varchar not null,
    user_id varchar not null,
    batch_id bigint not null,
    churn_probability double not null,
    delivered_at timestamp not null
)
