-- One row per prediction whose user's label became known with the current micro-batches.
-- params: $upto
select
    predictions.model_version,
    predictions.churn_probability,
    labels.label
from predictions
inner join labels on predictions.user_id = labels.user_id
where predictions.batch_id <= $upto and labels.label is not null
order by predictions.batch_id, predictions.user_id
