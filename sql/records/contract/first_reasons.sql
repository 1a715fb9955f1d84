-- One row per row of the current file that broke a rule: the first that it broke, and until when it is held, if being
-- ahead of the clock is all. A reason may quote what a catalog cannot hold.
-- params: none
-- reads: broken_rows
select
    row_number,
    regexp_replace(
        coalesce(min(reason) filter (where held_until is null), min(reason)), '[\x00-\x1f\x7f]', '�', 'g'
    ) as reason,
    case when bool_and(held_until is not null) then min(held_until) end as held_until
from broken_rows
group by row_number
