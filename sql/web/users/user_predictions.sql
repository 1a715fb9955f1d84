-- One row per prediction of one user, in order.
-- params: $user_id
select *
from predictions
where user_id = $user_id
order by batch_id
