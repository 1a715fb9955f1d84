-- Deletes the items of recent values that no later moment can have: tiles that no window reaches back to from the last
-- one, and values beyond the newest. What is kept follows from the whole state, so it is the same in any split.
-- params: none
-- reads: feature_state_now, recent_rules
with longest as (
    select
        state,
        any_value(hop) as hop,
        max(size) as size
    from recent_rules
    group by state
),

placed as (
    select
        feature_state_now.user_id,
        feature_state_now.measure,
        feature_state_now.item,
        longest.size,
        case
            when longest.hop is null
                then
                    sum(feature_state_now.value_count) over (
                        partition by feature_state_now.user_id, feature_state_now.measure
                        order by feature_state_now.last_at desc, feature_state_now.value_max desc
                    ) - feature_state_now.value_count
            else
                max(try_cast(feature_state_now.item as bigint)) over (
                    partition by feature_state_now.user_id, feature_state_now.measure
                ) - try_cast(feature_state_now.item as bigint)
        end as newer
    from feature_state_now
    inner join longest on feature_state_now.measure = longest.state
)

delete from feature_state_now
where (user_id, measure, item) in (
    select
        user_id,
        measure,
        item
    from placed
    where newer >= size
)
