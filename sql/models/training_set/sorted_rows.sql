-- One row per user and moment, of users whose window opened from $from_start to $to_start, in a fixed order, so that
-- the same rows give the same bytes. None with nulls.
-- params: $from_start, $to_start
-- reads: training_rows
select *
from training_rows
where window_start between $from_start and $to_start
order by window_start, user_id, as_of, cutoff_minutes
