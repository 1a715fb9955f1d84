-- One row per file of some that has staged events: their number.
-- params: $files
select
    source_file,
    count(*) as row_count
from staged_events
where list_contains($files, source_file)
group by source_file
