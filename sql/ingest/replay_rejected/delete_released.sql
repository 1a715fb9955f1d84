-- Deletes the rows that `released_rows` replaces.
-- params: none
delete from rejected_events
where (batch_id, source_file, row_number) in (select (batch_id, source_file, row_number) from released_rows)
