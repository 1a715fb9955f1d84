-- One row per target that has refused or not answered since it last took something: how often in a row, and until when
-- it is left alone.
-- params: none
create table if not exists delivery_failures (
    target varchar not null,
    failures bigint not null,
    failed_at timestamp not null,
    retry_at timestamp not null,
    error varchar not null
)
