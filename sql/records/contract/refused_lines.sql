-- One row per rejected line of a text file, as read, with the first rule it broke.
-- A reason may quote what a catalog cannot hold.
-- params: none
select
    given_rows._row_number as row_number,
    regexp_replace(min(broken_rows.reason), '[\x00-\x1f\x7f]', '�', 'g') as reason,
    any_value(given_rows._line) as raw,
    any_value(given_rows._header) as header
from broken_rows
inner join given_rows on broken_rows.row_number = given_rows._row_number
group by given_rows._row_number
