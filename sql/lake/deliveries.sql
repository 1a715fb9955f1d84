-- One row per prediction delivered to a target; of a target with a holdout, a budget or suppression, one per due
-- prediction, also of those that do not reach it, recorded before any is sent.
-- params: none
create table if not exists deliveries (
    target varchar not null, -- name of the target in the YAML
    user_id varchar not null, -- user
    batch_id bigint not null, -- micro-batch of the prediction
    probability double not null, -- probability that was delivered
    delivered_at timestamp not null, -- when the target accepted it, or when it was decided before
    experiment varchar, -- of a target with a holdout: its experiment
    arm varchar, -- treated or holdout; null without such rules, and of suppressed predictions
    suppressed_because varchar, -- never, cooldown or budget; with an arm: never or closed, before it was sent
    decided_at timestamp, -- the scoring of the micro-batch
    priority double -- what the target's budget is ordered by
)
