-- One row per file of the current batch with at least one row: its number of rows.
-- params: none
select
    source_file,
    count(*) as row_count
from arriving_rows
group by source_file
