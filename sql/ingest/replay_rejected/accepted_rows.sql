-- One row per replayed row that no longer breaks a rule.
-- params: none
select open_rows.* exclude (line_number, replayed_in)
from open_rows
inner join arriving_rows on open_rows.line_number = arriving_rows._row_number
where open_rows.line_number not in (select broken_rows.row_number from broken_rows)
