-- Deletes staged rejected rows.
-- params: $staged_rows
delete from staged_rejects
where list_contains($staged_rows, rowid)
