-- One row per prediction whose label is known, by its own moment: how long after the opening that was, the label, and
-- what the challenger predicted at the same moment; nulls where none did.
-- params: $upto
-- reads: predictions, shadow_predictions, label_moments, labels
with challenged as (
    select
        user_id,
        batch_id,
        as_of,
        max(model_version) as challenger_version,
        arg_max(probability, model_version) as challenger_probability
    from shadow_predictions
    where batch_id <= $upto and user_id in (select label_moments.user_id from label_moments)
    group by user_id, batch_id, as_of
)

select
    predictions.user_id,
    predictions.model_version,
    predictions.probability,
    epoch(label_moments.as_of - label_moments.window_start) / 60 as minutes,
    labels.label,
    challenged.challenger_version,
    challenged.challenger_probability
from predictions
inner join label_moments
    on
        predictions.user_id = label_moments.user_id
        and label_moments.as_of
        = least(coalesce(predictions.as_of, predictions.scored_at), label_moments.window_end)
inner join labels on label_moments.user_id = labels.user_id and label_moments.as_of = labels.as_of
left join challenged
    on
        predictions.user_id = challenged.user_id
        and predictions.batch_id = challenged.batch_id
        and predictions.as_of = challenged.as_of
where predictions.batch_id <= $upto and labels.label is not null
order by predictions.batch_id, predictions.user_id, predictions.as_of
