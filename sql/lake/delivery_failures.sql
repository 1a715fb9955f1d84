-- One row per failing target: the number of failures since its last delivery, and when it is retried.
-- params: none
create table if not exists delivery_failures (
    target varchar not null,
    failures bigint not null,
    failed_at timestamp not null,
    retry_at timestamp not null,
    error varchar not null
)
