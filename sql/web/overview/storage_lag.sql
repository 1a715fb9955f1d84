-- One row: the lag from an event to its storage, in seconds, since a micro-batch: the median of each, then the median
-- over them. The micro-batch is bound, so that only its files are read.
-- params: $first_batch
with delays as (
    select median(epoch(ingested_at) - epoch(event_time)) as lag
    from events
    where batch_id >= $first_batch
    group by batch_id
)

select median(lag) as lag_seconds
from delays
