-- One row per failing target: the number of failures since its last delivery, and when it is retried.
-- params: none
create table if not exists delivery_failures (
    target varchar not null, -- name of the target in the YAML
    failures bigint not null, -- failures since its last delivery
    failed_at timestamp not null, -- latest failure
    retry_at timestamp not null, -- the target is backed off until then
    error varchar not null -- what it answered
)
