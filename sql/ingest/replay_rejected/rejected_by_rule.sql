-- One row per rule, most frequent first: the rejected rows pending replay that broke it. Of held ones
-- the time of the first.
-- params: $reason
select
    split_part(reason, ', found', 1) as rule,
    count(*) as row_count,
    count(distinct source_file) as file_count,
    min(rejected_at) as first_at,
    max(rejected_at) as last_at,
    min(held_until) as held_until,
    arg_max(source_file || coalesce(', row ' || row_number, ''), rejected_at) as latest
from rejected_events
where replayed_in is null and starts_with(reason, $reason)
group by rule
order by row_count desc, rule asc
