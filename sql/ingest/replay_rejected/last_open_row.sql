-- One row: the last of the refused rows at hand, from where the next ones go on.
-- params: none
select
    batch_id as after_batch,
    source_file as after_file,
    row_number as after_row
from open_rows
order by batch_id desc, source_file desc, row_number desc
limit 1
