-- One row, or none before the first prediction: the model of the latest predictions, and since when it scores.
-- params: none
with newest as (
    select arg_max(model_version, batch_id) as model_version
    from predictions
)

select
    predictions.model_name,
    predictions.model_version,
    min(predictions.scored_at) as since
from predictions
inner join newest on predictions.model_version = newest.model_version
group by all
