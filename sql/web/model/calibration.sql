-- One row per model version and tenth of probability: predicted and observed share, one prediction per user.
-- Only users with a known label: their window opened long enough ago.
-- params: $now, $label_seconds
with latest as (
    select
        predictions.user_id,
        predictions.model_version,
        arg_max(predictions.probability, predictions.batch_id) as probability
    from predictions
    group by predictions.user_id, predictions.model_version
)

select
    latest.model_version,
    least(cast(floor(latest.probability * 10) as integer), 9) as bin,
    count(*) as users,
    avg(latest.probability) as predicted,
    avg(users.label) as observed
from latest
inner join users on latest.user_id = users.user_id
where users.label is not null and users.window_start + to_seconds($label_seconds) <= $now
group by latest.model_version, bin
order by latest.model_version, bin
