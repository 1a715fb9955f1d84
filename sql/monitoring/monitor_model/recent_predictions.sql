-- One row per prediction of the micro-batches at hand, with the features as used.
-- params: $after, $upto
select *
from predictions
where batch_id > $after and batch_id <= $upto
order by batch_id, user_id
