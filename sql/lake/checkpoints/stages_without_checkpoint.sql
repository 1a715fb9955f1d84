-- One row per stage without a checkpoint.
-- params: $stages
select unnest($stages) as stage
except
select stage
from checkpoints
