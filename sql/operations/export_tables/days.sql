-- One row per day from a day on in which users were scored.
-- params: $from_day
select distinct cast(scored_at as date) as scored_on
from predictions
where scored_at >= $from_day
order by scored_on
