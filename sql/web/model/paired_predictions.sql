-- One row per user with a known label: the latest prediction of the champion that the challenger made in shadow, too.
-- params: $now, $label_seconds
with paired as (
    select
        predictions.user_id,
        arg_max(predictions.model_version, predictions.batch_id) as champion_version,
        arg_max(shadow_predictions.model_version, predictions.batch_id) as challenger_version,
        arg_max(predictions.probability, predictions.batch_id) as champion,
        arg_max(shadow_predictions.probability, predictions.batch_id) as challenger
    from predictions
    inner join shadow_predictions
        on
            predictions.user_id = shadow_predictions.user_id
            and predictions.batch_id = shadow_predictions.batch_id
    group by predictions.user_id
)

select
    paired.champion_version,
    paired.challenger_version,
    paired.champion,
    paired.challenger,
    if($now >= users.window_start + to_seconds($label_seconds), users.label, null) as label
from paired
inner join users on paired.user_id = users.user_id
order by hash(paired.user_id)
