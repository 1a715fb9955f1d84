-- Erases one refused row.
-- params: $batch_id, $source_file, $row_number
delete from rejected_events
where batch_id = $batch_id and source_file = $source_file and row_number is not distinct from $row_number
