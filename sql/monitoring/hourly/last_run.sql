-- One row: when the last monitoring run measured; null before the first.
-- params: none
select max(measured_at) as measured_at
from monitoring
