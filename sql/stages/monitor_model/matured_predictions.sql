-- One row per prediction whose user's label became known by the micro-batches at hand.
-- params: $after, $upto, $label_seconds
with watermarks as (
    select
        max(last_event_at) filter (where batch_id <= $after) as known_before,
        max(last_event_at) filter (where batch_id <= $upto) as known_now
    from micro_batches
),

matured as (
    select
        users.user_id,
        users.label
    from users
    cross join watermarks
    where
        users.label is not null
        and users.opened_at + to_seconds($label_seconds) <= watermarks.known_now
        and (
            watermarks.known_before is null
            or users.opened_at + to_seconds($label_seconds) > watermarks.known_before
        )
)

select
    predictions.model_version,
    predictions.churn_probability,
    matured.label
from predictions
inner join matured on predictions.user_id = matured.user_id
where predictions.batch_id <= $upto
order by predictions.batch_id, predictions.user_id
