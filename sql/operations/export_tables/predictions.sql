-- One row per prediction of one day, in a fixed order.
-- params: $scored_on
select *
from predictions
where scored_at >= cast($scored_on as date) and scored_at < cast($scored_on as date) + interval 1 day
order by batch_id, user_id
