-- One row: the last rejected row of the current batch, after which the next batch starts.
-- params: none
select
    batch_id as after_batch,
    source_file as after_file,
    row_number as after_row
from open_rows
order by batch_id desc, source_file desc, row_number desc
limit 1
