-- One row per prediction whose user's label is known: how long after the opening it was made, the label, and what the
-- challenger predicted at the same moment; nulls where none did. None of a moment from the closing event on, which was
-- stored late.
-- params: $upto
-- reads: predictions, shadow_predictions, windows, labels
with challenged as (
    select
        user_id,
        batch_id,
        as_of,
        max(model_version) as challenger_version,
        arg_max(probability, model_version) as challenger_probability
    from shadow_predictions
    where batch_id <= $upto and user_id in (select windows.user_id from windows)
    group by user_id, batch_id, as_of
)

select
    predictions.user_id,
    predictions.model_version,
    predictions.probability,
    epoch(least(coalesce(predictions.as_of, predictions.scored_at), windows.window_end) - windows.window_start) / 60
        as minutes,
    labels.label,
    challenged.challenger_version,
    challenged.challenger_probability
from predictions
inner join windows on predictions.user_id = windows.user_id
inner join labels on predictions.user_id = labels.user_id
left join challenged
    on
        predictions.user_id = challenged.user_id
        and predictions.batch_id = challenged.batch_id
        and predictions.as_of = challenged.as_of
where
    predictions.batch_id <= $upto
    and labels.label is not null
    and (
        windows.closed_at is null or coalesce(predictions.as_of, predictions.scored_at) < windows.closed_at
    )
order by predictions.batch_id, predictions.user_id, predictions.as_of
