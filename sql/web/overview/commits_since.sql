-- One row per commit of a task since a time, in order.
-- params: $since
select
    cast(snapshot_time as timestamp) as committed_at,
    author as airflow_run,
    json_extract_string(commit_extra_info, '$.task') as task,
    commit_message as message
from ducklake_snapshots('lake')
where snapshot_time >= $since and commit_message is not null
order by snapshot_id
