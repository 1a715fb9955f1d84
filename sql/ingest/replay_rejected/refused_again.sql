-- One row per row tried again that still breaks a rule: its place, the rule, and until when it is held, if it is.
-- params: none
select
    open_rows.batch_id,
    open_rows.source_file,
    open_rows.row_number,
    first_reasons.reason,
    first_reasons.held_until
from first_reasons
inner join open_rows on first_reasons.row_number = open_rows.line_number
