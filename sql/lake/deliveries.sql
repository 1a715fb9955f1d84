-- One row per prediction delivered to a target; of a target with a holdout, a budget or suppression, one per due
-- prediction, also of those that do not reach it, recorded before any is sent.
-- arm: treated or holdout; null where the target has no such rules, and of suppressed predictions.
-- suppressed_because: never, cooldown or budget. It is never with an arm of who was excluded before it was sent.
-- decided_at: the scoring of the micro-batch. priority: what the target's budget is ordered by.
-- params: none
create table if not exists deliveries (
    target varchar not null,
    user_id varchar not null,
    batch_id bigint not null,
    churn_probability double not null,
    delivered_at timestamp not null,
    experiment varchar,
    arm varchar,
    suppressed_because varchar,
    decided_at timestamp,
    priority double
)
