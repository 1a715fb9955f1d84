-- One row per landing file whose rows were stored by some micro-batches.
-- params: $first_batch, $last_batch
select source_file
from consumed_files
where batch_id between $first_batch and $last_batch
order by batch_id, source_file
