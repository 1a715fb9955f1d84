-- One row per micro-batch and target whose due predictions have been decided: how many of each kind. The budget is
-- counted here, as rows of erased users are not in deliveries any more.
-- entered: users whose first delivery in the experiment this is. ordered_by: risk, uplift or gain.
-- params: none
create table if not exists decided_batches (
    target varchar not null,
    batch_id bigint not null,
    decided_at timestamp not null,
    experiment varchar,
    ordered_by varchar not null,
    treated bigint not null,
    holdout bigint not null,
    suppressed bigint not null,
    entered bigint not null
)
