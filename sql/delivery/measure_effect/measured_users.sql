-- One row per user of an experiment: their arm and outcome, null where it is not known yet, and the features that were
-- logged with the prediction by which they entered it.
-- params: none
-- reads: assigned_users, outcomes, predictions
select
    predictions.*,
    assigned_users.arm,
    assigned_users.assigned_at,
    outcomes.outcome
from assigned_users
inner join predictions
    on assigned_users.user_id = predictions.user_id and assigned_users.batch_id = predictions.batch_id
left join outcomes on assigned_users.user_id = outcomes.user_id
qualify row_number() over (partition by predictions.user_id order by predictions.scored_at desc) = 1
order by predictions.user_id
