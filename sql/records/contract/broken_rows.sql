-- One row per row of the file at hand that broke a rule of the contract.
-- params: none
select
    row_number,
    reason
from arriving_rows
where reason is not null
