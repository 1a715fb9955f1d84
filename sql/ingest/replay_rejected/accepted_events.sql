-- One row per replayed row that no longer breaks a rule, as an event of its original file.
-- params: none
select
    arriving_rows.* exclude (_row_number, _reason, _held_until),
    open_rows.source_file
from arriving_rows
inner join open_rows on arriving_rows._row_number = open_rows.line_number
where arriving_rows._row_number not in (select broken_rows.row_number from broken_rows)
