-- One row per micro-batch: the ledger of stored data, in order.
-- params: none
create table if not exists micro_batches (
    batch_id bigint not null,
    rows_stored bigint not null,
    rows_rejected bigint not null,
    first_event_at timestamp,
    last_event_at timestamp,
    airflow_run varchar,
    started_at timestamp not null,
    committed_at timestamp not null
)
