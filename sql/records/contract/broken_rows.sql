-- One row per row of the current file that broke a rule of the contract.
-- params: none
select
    _row_number as row_number,
    _reason as reason
from arriving_rows
where _reason is not null
