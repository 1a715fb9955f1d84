-- One row per prediction of the last scoring steps, with the features used.
-- params: $since, $row_limit
select *
from predictions
where scored_at >= $since
order by scored_at desc
limit $row_limit
