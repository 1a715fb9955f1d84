-- One row per user in their window, highest risk first; with a $search, per user with that id prefix.
-- params: $now, $window_seconds, $search, $choice, $row_limit
with latest as (
    select
        user_id,
        max(scored_at) as scored_at,
        arg_max(churn_probability, batch_id) as churn_probability,
        arg_max(predicted_churn, batch_id) as predicted_churn,
        arg_max(model_version, batch_id) as model_version
    from predictions
    group by user_id
),

wanted as (
    select
        user_id,
        registered_at,
        window_start,
        last_seen_at,
        coalesce(window_start <= $now and window_start + to_seconds($window_seconds) >= $now, false) as is_in_window
    from users
    where registered_at is not null
)

select
    wanted.user_id,
    wanted.registered_at,
    wanted.window_start,
    wanted.last_seen_at,
    wanted.is_in_window,
    latest.churn_probability,
    latest.predicted_churn,
    latest.scored_at,
    latest.model_version
from wanted
left join latest on wanted.user_id = latest.user_id
where
    ((wanted.is_in_window and $search = '') or ($search != '' and starts_with(wanted.user_id, $search)))
    and (
        $choice = 'all'
        or ($choice = 'predicted_churn' and latest.predicted_churn)
        or ($choice = 'likely_to_stay' and not latest.predicted_churn)
        or ($choice = 'not_scored' and latest.user_id is null)
    )
order by latest.churn_probability desc nulls last, wanted.user_id asc
limit $row_limit
