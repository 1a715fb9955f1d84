-- One row per recent commit of a task, newest first: since a time, or with null since any.
-- params: $since, $row_limit
select
    snapshot_id,
    cast(snapshot_time as timestamp) as committed_at,
    author as airflow_run,
    json_extract_string(commit_extra_info, '$.task') as task,
    commit_message as message
from ducklake_snapshots('lake')
where commit_message is not null and ($since is null or snapshot_time >= $since)
order by snapshot_id desc
limit $row_limit
