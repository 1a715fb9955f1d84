-- Shadow predictions are kept by the hour in which they were made.
-- params: none
alter table shadow_predictions set partitioned by (year(scored_at), month(scored_at), day(scored_at), hour(scored_at))
