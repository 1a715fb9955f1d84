-- One row per sampled prediction of the last scored micro-batch; the sample is deterministic.
-- params: $after, $upto, $row_limit
with last_scored as (
    select max(batch_id) as batch_id
    from predictions
    where batch_id > $after and batch_id <= $upto
)

select *
from predictions
where batch_id in (select batch_id from last_scored)
order by hash(user_id), user_id
limit $row_limit
