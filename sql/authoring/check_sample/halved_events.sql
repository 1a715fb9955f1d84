-- One row per event of the sample: in micro-batch 1 up to the median of their times, else in 2.
-- params: none
-- reads: sample_events
with halves as (
    select quantile_disc(event_time, 0.5) as middle
    from sample_events
)

select sample_events.* replace (case when sample_events.event_time <= halves.middle then 1 else 2 end as batch_id)
from sample_events
cross join halves
