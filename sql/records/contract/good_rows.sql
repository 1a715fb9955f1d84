-- One row per row of the current file that broke no rule.
-- params: none
select * exclude (_row_number, _reason, _held_until)
from arriving_rows
where _row_number not in (select row_number from broken_rows)
