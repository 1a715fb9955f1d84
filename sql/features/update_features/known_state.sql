-- One row per user, measure and item of the stored state that new events are added to: none of recomputed users.
-- params: $opened_from
select *
from feature_state
where
    last_at >= $opened_from
    and user_id in (select touched_users.user_id from touched_users where not touched_users.is_recomputed)
