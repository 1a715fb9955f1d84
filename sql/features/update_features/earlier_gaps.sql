-- One row per gap of a user who is brought up to date from new events alone: the time of the last one that is stored.
-- params: none
-- reads: known_state, gap_rules
with gaps as (
    select distinct gap
    from gap_rules
)

select
    known_state.user_id,
    gaps.gap,
    max(known_state.last_at) as last_at
from known_state
inner join gaps on known_state.measure in (gaps.gap || '_gap', gaps.gap || '_session')
group by known_state.user_id, gaps.gap
