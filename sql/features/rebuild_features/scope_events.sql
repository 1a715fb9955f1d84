-- One row per raw event up to a micro-batch, of the users who have an event after $after.
-- params: $after, $upto
with newer as (
    select user_id
    from events
    where batch_id > $after and batch_id <= $upto
)

select *
from events
where batch_id <= $upto and user_id in (select user_id from newer)
