-- One row per refused row at hand that was read under one header; null: as JSON.
-- params: $header
select
    line_number,
    source_file,
    raw
from open_rows
where header is not distinct from $header
order by line_number
