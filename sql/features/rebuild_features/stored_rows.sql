-- One row: the number of events stored up to a micro-batch.
-- params: $upto
select coalesce(sum(rows_stored), 0) as rows_stored
from micro_batches
where batch_id <= $upto
