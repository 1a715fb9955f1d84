-- One row: when and by which micro-batch confirmed drift last triggered a training; nulls before the first.
-- params: none
select
    max(measured_at) as asked_at,
    max(batch_id) as batch_id
from monitoring
where metric = 'retraining_asked'
