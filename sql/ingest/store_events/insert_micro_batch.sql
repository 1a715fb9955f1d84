-- Writes a micro-batch into the ledger.
-- params: $batch_id, $rows_stored, $rows_rejected, $first_event_at, $last_event_at, $airflow_run, $started_at, $now
insert into micro_batches
values ($batch_id, $rows_stored, $rows_rejected, $first_event_at, $last_event_at, $airflow_run, $started_at, $now)
