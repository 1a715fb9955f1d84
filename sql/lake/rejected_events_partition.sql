-- Rejected rows are kept by the day of their rejection, so that old ones can be dropped by the day.
-- params: none
alter table rejected_events set partitioned by (year(rejected_at), month(rejected_at), day(rejected_at))
