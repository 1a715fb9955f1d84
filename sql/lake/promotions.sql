-- One row per promotion: the version is the champion from then until the next row.
-- params: none
create table if not exists promotions (
    promoted_at timestamp not null,
    model_name varchar not null,
    model_version bigint not null,
    previous_version bigint,
    reason varchar not null,
    airflow_run varchar not null
)
