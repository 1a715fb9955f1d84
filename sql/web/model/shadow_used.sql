-- One row per model version that has scored in shadow: the number of its predictions.
-- params: none
select
    model_version,
    count(*) as shadow_predictions
from shadow_predictions
group by model_version
