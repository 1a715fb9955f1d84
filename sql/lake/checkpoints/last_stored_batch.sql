-- One row: the last micro-batch in the ledger; 0 before the first.
-- params: none
select coalesce(max(batch_id), 0) as batch_id
from micro_batches
