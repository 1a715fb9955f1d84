-- One row per rule that rows tried again still break: their number, each row by its first reason.
-- params: none
-- reads: first_reasons
select
    split_part(reason, ', found', 1) as rule,
    count(*) as row_count
from first_reasons
group by rule
order by row_count desc, rule asc
