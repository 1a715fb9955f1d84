-- One row per rejected row of a file without lines, as JSON, with the first rule it broke.
-- params: none
select
    broken_rows.row_number,
    min(broken_rows.reason) as reason,
    any_value(to_json(given_rows)) as raw
from broken_rows
inner join given_rows on broken_rows.row_number = given_rows.rowid + 1
group by broken_rows.row_number
