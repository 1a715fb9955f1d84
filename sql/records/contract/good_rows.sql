-- One row per row of the current file that broke no rule.
-- params: none
select * exclude (row_number, reason)
from arriving_rows
where row_number not in (select row_number from broken_rows)
