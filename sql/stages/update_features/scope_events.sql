-- One row per raw event that features are computed from; first, the events of the micro-batches at hand.
-- params: $after, $upto
select *
from events
where batch_id > $after and batch_id <= $upto
