-- One row per prediction of the latest scoring in the current micro-batches: a sample that is the same every time.
-- params: $after, $upto, $row_limit
with last_scoring as (
    select max(as_of) as as_of
    from predictions
    where batch_id > $after and batch_id <= $upto
)

select *
from predictions
where batch_id > $after and batch_id <= $upto and as_of in (select as_of from last_scoring)
order by hash(user_id), user_id
limit $row_limit
