-- One row: how many rows the file at hand brought.
-- params: none
select count(*) as arrived
from arriving_rows
