-- One row per prediction of a micro-batch that was decided to reach a target. No personal columns.
-- params: $target, $batch_id
select
    predictions.user_id,
    predictions.probability,
    predictions.predicted,
    predictions.model_name,
    predictions.model_version,
    predictions.scored_at,
    predictions.batch_id,
    coalesce(predictions.reasons, '[]') as reasons
from predictions
inner join deliveries on predictions.user_id = deliveries.user_id and predictions.batch_id = deliveries.batch_id
where
    predictions.batch_id = $batch_id
    and deliveries.target = $target
    and deliveries.arm = 'treated'
    and deliveries.suppressed_because is null
qualify row_number() over (partition by predictions.user_id order by predictions.scored_at desc) = 1
order by predictions.user_id
