-- One row per raw event of the micro-batches at hand.
-- params: $after, $upto
select *
from events
where batch_id > $after and batch_id <= $upto
