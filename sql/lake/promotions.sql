-- One row per promotion: the version is the champion from then until the next row.
-- params: none
create table if not exists promotions (
    promoted_at timestamp not null, -- champion from then on
    model_name varchar not null, -- registered model
    model_version bigint not null, -- its version
    previous_version bigint, -- champion before; null: none
    reason varchar not null, -- gates that decided, or who rolled back
    airflow_run varchar not null -- run that promoted it
)
