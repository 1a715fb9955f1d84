-- One row per rejected row of the current batch with one CSV header; null for JSON.
-- params: $header
select
    line_number,
    source_file,
    raw
from open_rows
where header is not distinct from $header
order by line_number
