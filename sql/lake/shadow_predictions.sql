-- One row per user scored by the challenger in a micro-batch. Never published, append-only.
-- params: none
create table if not exists shadow_predictions as
select *
from predictions
limit 0
