-- One row per user with the predicted outcome in one micro-batch who is still at risk: the published columns, none of
-- them personal. Nobody scored was closed before that micro-batch: files of earlier ones are left out.
-- params: $batch_id
-- reads: predictions, users
select
    user_id,
    probability,
    predicted,
    model_name,
    model_version,
    scored_at,
    batch_id,
    coalesce(reasons, '[]') as reasons
from predictions
where
    batch_id = $batch_id
    and predicted
    and user_id not in (
        select users.user_id
        from users
        where users.closed_at is not null and users.batch_id >= $batch_id
    )
order by user_id
