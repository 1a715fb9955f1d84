-- One row per recent commit of the lake: its author and message.
-- params: $count
select
    snapshot_id,
    snapshot_time,
    author,
    commit_message
from ducklake_snapshots('lake')
where commit_message is not null
order by snapshot_id desc
limit $count
