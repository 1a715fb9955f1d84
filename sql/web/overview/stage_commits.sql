-- One row per stage that a recent commit is of, oldest first. Of several stages in one commit, all but the first have
-- their seconds; of a stage by itself they are null.
-- params: $since, $row_limit
with commits as (
    select
        snapshot_id,
        cast(snapshot_time as timestamp) as committed_at,
        author as airflow_run,
        coalesce(
            from_json(
                json_extract(commit_extra_info, '$.stages'),
                '[{"task": "VARCHAR", "message": "VARCHAR", "seconds": "DOUBLE"}]'
            ),
            [
                struct_pack(
                    task := json_extract_string(commit_extra_info, '$.task'),
                    message := commit_message,
                    seconds := cast(null as double)
                )
            ]
        ) as stages
    from ducklake_snapshots('lake')
    where commit_message is not null and snapshot_time >= $since
    order by snapshot_id desc
    limit $row_limit
),

stages as (
    select
        * exclude (stages),
        unnest(stages) as stage,
        generate_subscripts(stages, 1) as place
    from commits
)

select
    stages.committed_at,
    stages.airflow_run,
    stages.stage['task'] as task,
    stages.stage['message'] as message,
    stages.stage['seconds'] as seconds
from stages
order by stages.snapshot_id, stages.place
