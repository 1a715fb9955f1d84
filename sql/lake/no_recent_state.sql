-- No row: the view recent_state of a use case without measures of recent values.
-- params: none
-- reads: feature_state
select *
from feature_state
where false
