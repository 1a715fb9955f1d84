-- One row per user and moment, in a fixed order, so that the same rows give the same bytes.
-- params: none
-- reads: training_rows
select *
from training_rows
order by window_start, user_id, as_of, cutoff_minutes
