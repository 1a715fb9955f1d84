-- One row per prediction of one micro-batch that matches a target's filters, of a user who is still at risk.
-- No personal columns.
-- A held-out user counts as one who was reached, so that both arms of an experiment are due at the same times.
-- params: $target, $batch_id, $probability_from, $changed_by, $once
with told as (
    select
        user_id,
        arg_max(probability, batch_id) as probability
    from deliveries
    where target = $target and suppressed_because is null
    group by user_id
)

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
left join told on predictions.user_id = told.user_id
where
    predictions.batch_id = $batch_id
    and case
        when $probability_from is null then predictions.predicted
        else predictions.probability >= $probability_from
    end
    and (
        told.user_id is null
        or (not $once and abs(predictions.probability - told.probability) >= $changed_by)
    )
    and predictions.user_id not in (select users.user_id from users where users.closed_at is not null)
order by predictions.user_id
