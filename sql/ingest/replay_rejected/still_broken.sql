-- One row per rule that rows tried again still break: their number, each row by its first reason.
-- params: none
-- reads: broken_rows
with reasons as (
    select
        row_number,
        min(reason) as reason
    from broken_rows
    group by row_number
)

select
    split_part(reason, ', found', 1) as rule,
    count(*) as row_count
from reasons
group by rule
order by row_count desc, rule asc
