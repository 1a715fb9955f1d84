-- One row per snapshot from before a moment; the newest stays in any case.
-- params: $before
with snapshots as (
    select
        snapshot_id,
        cast(snapshot_time as timestamp) as committed_at
    from ducklake_snapshots('lake')
)

select snapshot_id
from snapshots
where committed_at < $before and snapshot_id < (select max(snapshots.snapshot_id) from snapshots)
order by snapshot_id
