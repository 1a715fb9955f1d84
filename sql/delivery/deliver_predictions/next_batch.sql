-- One row: the oldest micro-batch with predictions that have not been delivered to a target; null if there is none.
-- params: $after, $upto
select min(batch_id) as batch_id
from predictions
where batch_id > $after and batch_id <= $upto
