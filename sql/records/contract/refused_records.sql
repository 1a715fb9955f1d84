-- One row per rejected row of a file without lines, as JSON, with the first rule it broke.
-- A reason may quote what a catalog cannot hold.
-- params: none
select
    broken_rows.row_number,
    regexp_replace(min(broken_rows.reason), '[\x00-\x1f\x7f]', '�', 'g') as reason,
    any_value(to_json(_given)) as raw
from broken_rows
inner join given_rows as _given on broken_rows.row_number = _given.rowid + 1
group by broken_rows.row_number
