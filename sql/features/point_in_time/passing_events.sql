-- One row per raw event of the users whose window opened between two times, up to a micro-batch.
-- params: $upto, $from_time, $to_time
select *
from events
where
    batch_id <= $upto
    and event_time <= $to_time
    and user_id in (select user_id from users where window_start > $from_time and window_start <= $to_time)
