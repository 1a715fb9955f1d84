-- One row per measured experiment: its dates, and its latest measurement.
-- params: none
select
    experiments.target,
    experiments.share as holdout_share,
    experiments.horizon_days,
    experiments.started_at,
    experiments.ended_at,
    effects.*
from effects
inner join experiments on effects.experiment = experiments.experiment
qualify row_number() over (partition by effects.experiment order by effects.measured_at desc) = 1
order by experiments.started_at desc, effects.experiment asc
