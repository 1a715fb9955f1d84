-- One row per CSV header of the rejected rows in the current batch; null for JSON.
-- params: none
select distinct header
from open_rows
