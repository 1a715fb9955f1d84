-- fail: a label is 1 (churned) or 0 (retained).
-- params: none
select
    _row_number as row_number,
    'label: expected 0 or 1, found ' || label as reason
from arriving_rows
where label not in (0, 1)
