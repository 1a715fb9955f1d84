-- One row per sampled prediction of a version since a time, with its features.
-- params: $model_version, $since, $row_limit
select *
from predictions
where model_version = $model_version and scored_at >= $since
order by hash(user_id), batch_id
limit $row_limit
