-- One row: how many of a micro-batch's due predictions are of each kind, and how many users enter the experiment.
-- params: $experiment
-- reads: decided_deliveries, deliveries
select
    count(*) filter (where arm = 'treated') as treated,
    count(*) filter (where arm = 'holdout') as holdout,
    count(*) filter (where arm is null) as suppressed,
    count(*) filter (
        where
        arm is not null
        and $experiment is not null
        and user_id not in (select deliveries.user_id from deliveries where deliveries.experiment = $experiment)
    ) as entered
from decided_deliveries
