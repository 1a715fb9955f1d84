-- One row per user scored in a micro-batch: the inference log, with the features used. Append-only.
-- params: none
create table if not exists predictions as
select
    user_features.*,
    cast(null as timestamp) as as_of, -- moment of the features
    cast(null as varchar) as scored_because, -- activity, silence, window_end, new_model or backfill
    cast(null as timestamp) as scored_at, -- time of scoring
    cast(null as bigint) as batch_id, -- micro-batch that the user was scored in
    cast(null as double) as probability, -- calibrated probability of the outcome
    cast(null as boolean) as predicted, -- whether it is at or above the threshold
    cast(null as varchar) as model_name, -- registered model
    cast(null as bigint) as model_version, -- its version
    cast(null as varchar) as airflow_run, -- run that scored the user
    cast(null as varchar) as reasons -- the three largest effects, as JSON, at or above the threshold
from user_features
limit 0
