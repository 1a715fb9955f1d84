-- One row: the oldest micro-batch with predictions that have not been delivered to a target; if none, the last.
-- params: $after, $upto
select coalesce(min(batch_id), $upto) as batch_id
from predictions
where batch_id > $after and batch_id <= $upto
