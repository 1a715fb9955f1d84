-- One row per user scored by the challenger in a micro-batch: beside predictions, never published. It only grows.
-- params: none
create table if not exists shadow_predictions as
select *
from predictions
limit 0
