-- One row per stage: the checkpoint of the bucket of users that is the furthest behind.
-- params: none
select * exclude (bucket)
from checkpoints
qualify row_number() over (partition by stage order by batch_id, as_of nulls first) = 1
