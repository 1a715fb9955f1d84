-- One row: the lag from an event to its storage, in seconds, since a micro-batch: the median and 95th percentile of
-- each micro-batch, then the median over them, as a file of old events is no lag of the others. The micro-batch is
-- bound, so that only its files are read.
-- params: $first_batch
with delays as (
    select quantile_cont(epoch(ingested_at) - epoch(event_time), [0.5, 0.95]) as lag
    from events
    where batch_id >= $first_batch
    group by batch_id
)

select
    median(lag[1]) as lag_seconds_median,
    median(lag[2]) as lag_seconds_p95
from delays
