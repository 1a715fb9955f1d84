-- One row per thousandth of probability: users with a known label whose latest prediction of a version is in it.
-- bin: the greatest k for which k / 1000 is at most the probability, so that a threshold of k / 1000 decides exactly.
-- params: $model_version, $now, $label_seconds
with latest as (
    select
        user_id,
        arg_max(probability, batch_id) as probability
    from predictions
    where model_version = $model_version
    group by user_id
),

labelled as (
    select
        latest.probability,
        users.label,
        users.window_start,
        cast(floor(latest.probability * 1000) as integer) as near
    from latest
    inner join users on latest.user_id = users.user_id
    where users.label is not null and users.window_start + to_seconds($label_seconds) <= $now
)

select
    case
        when (near + 1) / 1000 <= probability then near + 1
        when near / 1000 > probability then near - 1
        else near
    end as bin,
    count(*) filter (where label = 1) as positives,
    count(*) filter (where label = 0) as negatives,
    min(window_start) as first_at,
    max(window_start) as last_at
from labelled
group by bin
order by bin
