-- One row per raw event that features are computed from; initially, the events of the current micro-batches.
-- params: $after, $upto
select *
from events
where batch_id > $after and batch_id <= $upto
