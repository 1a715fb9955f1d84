-- One row per micro-batch that has been scored and not published.
-- params: $after, $upto
select distinct batch_id
from predictions
where batch_id > $after and batch_id <= $upto
order by batch_id
