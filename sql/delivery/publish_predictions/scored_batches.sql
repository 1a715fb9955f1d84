-- One row per micro-batch that has been scored and not published, and when its first user was.
-- params: $after, $upto
select
    batch_id,
    min(scored_at) as scored_at
from predictions
where batch_id > $after and batch_id <= $upto
group by batch_id
order by batch_id
