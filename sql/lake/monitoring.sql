-- One row per monitoring run and measurement of the data and the champion.
-- subject: a feature, an event type, or empty for an overall measurement.
-- params: none
create table if not exists monitoring (
    measured_at timestamp not null,
    batch_id bigint not null,
    model_version bigint,
    metric varchar not null,
    subject varchar not null,
    value double
)
