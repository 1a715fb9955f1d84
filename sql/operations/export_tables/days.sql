-- One row per day with predictions, from a given day on.
-- params: $from_day
select distinct cast(scored_at as date) as scored_on
from predictions
where scored_at >= $from_day
order by scored_on
