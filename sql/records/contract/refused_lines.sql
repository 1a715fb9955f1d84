-- One row per rejected line of a text file, as read, with the first rule it broke.
-- params: none
select
    first_reasons.row_number,
    first_reasons.reason,
    first_reasons.held_until,
    given_rows._line as raw,
    given_rows._header as header
from first_reasons
inner join given_rows on first_reasons.row_number = given_rows._row_number
