-- One row per user of an experiment: their first arm and when they entered it, with the number of arms. Of delivered
-- micro-batches, and of users who entered before $until.
-- params: $experiment, $upto, $until
select
    user_id,
    arg_min(arm, batch_id) as arm,
    min(batch_id) as batch_id,
    arg_min(decided_at, batch_id) as assigned_at,
    count(distinct arm) as arms
from deliveries
where experiment = $experiment and arm is not null and batch_id <= $upto
group by user_id
having arg_min(decided_at, batch_id) < $until
