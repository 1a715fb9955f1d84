-- Events are kept by the hour in which they happened, so that a first day touches at most 25 partitions.
-- params: none
alter table events set partitioned by (year(event_time), month(event_time), day(event_time), hour(event_time))
