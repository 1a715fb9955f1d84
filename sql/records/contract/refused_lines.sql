-- One row per rejected line of a text file, as read, with the first rule it broke.
-- params: none
select
    given_rows.line_number as row_number,
    min(broken_rows.reason) as reason,
    any_value(given_rows.line) as raw,
    any_value(given_rows.header) as header
from broken_rows
inner join given_rows on broken_rows.row_number = given_rows.line_number
group by given_rows.line_number
