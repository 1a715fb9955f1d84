-- One row per event of one user, newest first. The caller removes personal columns.
-- params: $user_id, $since, $until, $row_limit
select *
from events
where user_id = $user_id and event_time between $since and $until
order by event_time desc
limit $row_limit
