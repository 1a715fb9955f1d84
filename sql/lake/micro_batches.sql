-- One row per micro-batch: the ledger of stored data, in order.
-- params: none
create table if not exists micro_batches (
    batch_id bigint not null, -- number: 1, 2, 3 …
    rows_stored bigint not null, -- valid rows
    rows_rejected bigint not null, -- rejected rows
    first_event_at timestamp, -- earliest event time
    last_event_at timestamp, -- latest event time
    airflow_run varchar, -- run that stored it
    started_at timestamp not null, -- when the stage began
    committed_at timestamp not null -- when its rows became visible
)
