-- One row per micro-batch and target whose due predictions have been decided: how many of each kind. The budget is
-- counted here, as rows of erased users are not in deliveries any more.
-- params: none
create table if not exists decided_batches (
    target varchar not null, -- name of the target in the YAML
    batch_id bigint not null, -- micro-batch
    decided_at timestamp not null, -- the scoring of the micro-batch
    experiment varchar, -- of a target with a holdout: its experiment
    ordered_by varchar not null, -- risk, uplift or gain
    treated bigint not null, -- users who are reached
    holdout bigint not null, -- users who are held out
    suppressed bigint not null, -- users who are not reached for another reason
    entered bigint not null -- users whose first delivery in the experiment this is
)
