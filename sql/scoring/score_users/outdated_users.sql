-- One row per user in their window whose last prediction is not of this model version.
-- params: $as_of, $upto, $window_seconds, $model_version
-- reads: candidate_users, predictions
with last_predictions as (
    select
        predictions.user_id,
        arg_max(predictions.model_version, (predictions.as_of, predictions.scored_at)) as model_version
    from predictions
    inner join candidate_users on predictions.user_id = candidate_users.user_id
    where
        candidate_users.window_start <= $as_of and candidate_users.window_end > $as_of
        and predictions.as_of >= cast($as_of as timestamp) - to_seconds($window_seconds)
    group by predictions.user_id
)

select
    user_id,
    cast($upto as bigint) as batch_id,
    'new_model' as scored_because
from last_predictions
where model_version <> $model_version
