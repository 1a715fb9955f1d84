-- Writes a consumed landing file into the ledger.
-- params: $source_file, $bytes, $sha256, $rows_stored, $rows_rejected, $batch_id
insert into consumed_files
values ($source_file, $bytes, $sha256, $rows_stored, $rows_rejected, $batch_id)
