-- One row per gap of a user who is brought up to date from new events alone: the time of the last one that is stored.
-- params: none
-- reads: feature_state, touched_users, gap_rules
with gaps as (
    select distinct gap
    from gap_rules
)

select
    feature_state.user_id,
    gaps.gap,
    max(feature_state.last_at) as last_at
from feature_state
inner join gaps on feature_state.measure in (gaps.gap || '_gap', gaps.gap || '_session')
inner join touched_users on feature_state.user_id = touched_users.user_id
where not touched_users.is_recomputed
group by feature_state.user_id, gaps.gap
