-- One row per file of those at hand that brought any row, and how many.
-- params: none
select
    source_file,
    count(*) as row_count
from arriving_rows
group by source_file
