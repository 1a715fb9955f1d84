-- One row per staged event of some files, numbered, as the checks of a use case expect them.
-- params: $files
select
    rowid + 1 as _row_number,
    *
from staged_events
where list_contains($files, source_file)
