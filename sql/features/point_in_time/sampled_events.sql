-- One row per raw event of the sampled users, stored up to a micro-batch.
-- params: $user_ids, $upto
select *
from events
where batch_id <= $upto and list_contains($user_ids, user_id)
