-- One row per rejected row of a file without lines, as JSON, with the first rule it broke.
-- params: none
select
    first_reasons.row_number,
    first_reasons.reason,
    first_reasons.held_until,
    to_json(_given) as raw
from first_reasons
inner join given_rows as _given on first_reasons.row_number = _given.rowid + 1
