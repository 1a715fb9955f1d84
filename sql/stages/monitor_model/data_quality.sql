-- One row: how much arrived in the micro-batches at hand, the share that was refused, and how late the oldest was.
-- params: $after, $upto
select
    sum(rows_stored) as rows_stored,
    sum(rows_rejected) / greatest(sum(rows_stored + rows_rejected), 1) as rejected_share,
    median(epoch(committed_at) - epoch(last_event_at)) as median_lag_seconds
from micro_batches
where batch_id > $after and batch_id <= $upto
