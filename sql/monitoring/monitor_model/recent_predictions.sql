-- One row per prediction of the current micro-batches, with the features used.
-- params: $after, $upto
select *
from predictions
where batch_id > $after and batch_id <= $upto
order by batch_id, user_id
