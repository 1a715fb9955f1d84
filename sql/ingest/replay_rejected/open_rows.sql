-- One row per rejected row that can be replayed, oldest first: its text is stored, and it has not been replayed yet.
-- Rows of enrichment tables are excluded: they are corrected by a new file.
-- Those after a place: micro-batch, file and row number. With a time, only those held until it or before.
-- params: $reason, $due, $batch_id, $source_file, $row_number, $row_limit
select
    *,
    row_number() over (order by batch_id, source_file, row_number) as line_number
from rejected_events
where
    replayed_in is null
    and raw is not null
    and not starts_with(reason, 'line:')
    and not contains(source_file, '/')
    and starts_with(reason, $reason)
    and ($due is null or held_until <= cast($due as timestamp))
    and (batch_id, source_file, row_number) > ($batch_id, $source_file, $row_number)
qualify line_number <= $row_limit
