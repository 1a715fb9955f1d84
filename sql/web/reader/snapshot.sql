-- One row: when a snapshot was committed; none of an unknown one.
-- params: $snapshot_id
select cast(snapshot_time as timestamp) as committed_at
from ducklake_snapshots('lake')
where snapshot_id = $snapshot_id
