-- Adds the raw events of recomputed users in one time span to the scope.
-- params: $upto, $from_time, $to_time
insert into scope_events
select *
from events
where
    batch_id <= $upto
    and event_time between $from_time and $to_time
    and user_id in (select user_id from touched_users where is_recomputed)
