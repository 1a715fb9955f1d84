-- One row per rejected row of the current batch, in order: its place, its text and its CSV header, null for JSON.
-- params: none
select
    line_number,
    batch_id,
    source_file,
    row_number,
    raw,
    header
from open_rows
order by line_number
