-- One row: the oldest micro-batch with predictions that a target has not been told of; null where there is none.
-- params: $after, $upto
select min(batch_id) as batch_id
from predictions
where batch_id > $after and batch_id <= $upto
