-- One row: the number of users scored, and of those with predicted churn.
-- params: none
-- reads: staged_predictions
select
    count(*) as users,
    count(*) filter (where predicted_churn) as predicted_churn
from staged_predictions
