-- One row per hourly look and measured value: how the data and the champion are doing.
-- subject: a feature, an event type, or empty where the value is about everything.
-- params: none
create table if not exists monitoring (
    measured_at timestamp not null,
    batch_id bigint not null,
    model_version bigint,
    metric varchar not null,
    subject varchar not null,
    value double
)
