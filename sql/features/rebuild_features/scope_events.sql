-- One row per raw event up to a micro-batch, of the users of one of $shards shards who have an event after $after.
-- params: $after, $upto, $shard, $shards
with newer as (
    select user_id
    from events
    where batch_id > $after and batch_id <= $upto and hash(user_id) % $shards = $shard
)

select *
from events
where batch_id <= $upto and user_id in (select user_id from newer)
