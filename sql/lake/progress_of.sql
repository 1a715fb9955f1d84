-- One row: the last micro-batch that a stage has processed.
-- params: $stage
select batch_id
from progress
where stage = $stage
