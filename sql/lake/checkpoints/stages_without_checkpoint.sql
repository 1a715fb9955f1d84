-- One row per stage that has no progress yet.
-- params: $stages
select unnest($stages) as stage
except
select stage
from checkpoints
