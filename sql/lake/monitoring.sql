-- One row per monitoring run and measurement of the data and the champion.
-- params: none
create table if not exists monitoring (
    measured_at timestamp not null, -- when it was measured
    batch_id bigint not null, -- last micro-batch of the monitoring run
    model_version bigint, -- version it is about; null: none
    metric varchar not null, -- name of the measurement
    subject varchar not null, -- feature, event type or cut-off; empty for an overall measurement
    value double -- measured value
)
