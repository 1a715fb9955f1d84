-- One row per user whose label is not one value of 0, 1 or null: what was found.
-- params: none
select
    user_id,
    string_agg(coalesce(cast(label as varchar), 'null'), ', ' order by label) as found
from labels
group by user_id
having count(*) > 1 or bool_or(label not in (0, 1))
order by user_id
