-- One row: the latest promotion at a time; none before the first.
-- params: $moment
select *
from promotions
where promoted_at <= $moment
order by promoted_at desc
limit 1
