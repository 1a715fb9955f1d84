-- One row per time span that the windows of recomputed users can cover; spans do not overlap.
-- params: $window_seconds
with spans as (
    select
        registered_at as from_time,
        coalesce(opened_at_latest + to_seconds($window_seconds), last_seen_at) as to_time
    from touched_users
    where is_recomputed
),

bounded as (
    select
        from_time,
        to_time,
        max(to_time) over (
            order by from_time, to_time
            rows between unbounded preceding and 1 preceding
        ) as reached
    from spans
),

islands as (
    select
        from_time,
        to_time,
        count(*) filter (where reached is null or from_time > reached) over (order by from_time, to_time) as island
    from bounded
)

select
    min(from_time) as from_time,
    max(to_time) as to_time
from islands
group by island
order by from_time
