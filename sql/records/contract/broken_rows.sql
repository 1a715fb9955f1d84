-- One row per row of the current file that broke a rule of the contract.
-- params: none
select
    row_number,
    reason
from arriving_rows
where reason is not null
