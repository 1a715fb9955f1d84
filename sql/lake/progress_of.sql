-- One row: the last micro-batch that a stage has processed, of every user.
-- params: $stage
select min(batch_id) as batch_id
from progress
where stage = $stage
