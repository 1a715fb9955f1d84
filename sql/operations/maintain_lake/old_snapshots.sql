-- One row per snapshot to expire: older than a time, or older than a later one and not the last of its hour.
-- The latest is never included.
-- params: $before, $thinned_before
with snapshots as (
    select
        snapshot_id,
        cast(snapshot_time as timestamp) as committed_at
    from ducklake_snapshots('lake')
),

ranked as (
    select
        snapshot_id,
        committed_at,
        snapshot_id = max(snapshot_id) over () as is_newest,
        snapshot_id = max(snapshot_id) over (partition by date_trunc('hour', committed_at)) as is_last_of_hour
    from snapshots
)

select snapshot_id
from ranked
where
    not is_newest
    and (committed_at < $before or (committed_at < $thinned_before and not is_last_of_hour))
order by snapshot_id
