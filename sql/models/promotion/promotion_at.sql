-- One row: the promotion that was in force at a moment; none before the first.
-- params: $moment
select *
from promotions
where promoted_at <= $moment
order by promoted_at desc
limit 1
