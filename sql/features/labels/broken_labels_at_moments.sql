-- One row per user and moment whose label is not one value of 0, 1 or null: what was found. is_other: not only several
-- of these.
-- params: none
-- reads: labels
select
    user_id,
    as_of,
    string_agg(coalesce(cast(label as varchar), 'null'), ', ' order by label) as found,
    coalesce(bool_or(label not in (0, 1)), false) as is_other
from labels
group by user_id, as_of
having count(*) > 1 or bool_or(label not in (0, 1))
order by user_id, as_of
