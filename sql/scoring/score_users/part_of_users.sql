-- One row per user of one part of those to score.
-- params: $part
-- reads: due_users
select
    user_id,
    batch_id,
    scored_because
from due_users
where part = $part
