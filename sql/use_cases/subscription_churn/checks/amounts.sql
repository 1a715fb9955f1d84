-- fail: an amount is never negative, and an amount of a million or more is an error of the source.
-- params: none
select
    _row_number as row_number,
    'amount: expected 0 to 999,999.99, found ' || amount as reason
from arriving_rows
where amount not between 0 and 999999.99
