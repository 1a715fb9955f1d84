-- One row per row of the current file that broke a rule of the contract.
-- params: none
select
    _row_number as row_number,
    _reason as reason,
    _held_until as held_until
from arriving_rows
where _reason is not null
