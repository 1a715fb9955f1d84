-- One row per user scored in a micro-batch: the inference log, with the features used. Append-only.
-- scored_because: activity, silence, window_end, new_model or backfill.
-- as_of: the moment of the features. scored_at: the time of scoring.
-- reasons: of users at or above the threshold, the three largest effects on the probability, as JSON.
-- params: none
create table if not exists predictions as
select
    user_features.*,
    cast(null as timestamp) as as_of,
    cast(null as varchar) as scored_because,
    cast(null as timestamp) as scored_at,
    cast(null as bigint) as batch_id,
    cast(null as double) as churn_probability,
    cast(null as boolean) as predicted_churn,
    cast(null as varchar) as model_name,
    cast(null as bigint) as model_version,
    cast(null as varchar) as airflow_run,
    cast(null as varchar) as reasons
from user_features
limit 0
