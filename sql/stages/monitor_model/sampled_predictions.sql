-- One row per prediction of the last scored micro-batch at hand: a sample that is the same every time.
-- params: $after, $upto, $row_limit
select *
from predictions
where
    batch_id = (
        select max(batch_id)
        from predictions
        where batch_id > $after and batch_id <= $upto
    )
order by hash(user_id), user_id
limit $row_limit
