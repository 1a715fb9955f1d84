-- One row per user to score: for which micro-batch, why, and in which part, of at most $users_at_once users.
-- Nobody whose risk has ended. Activity after the window had ended is a backfill. Of several reasons, the end of the
-- window precedes silence.
-- params: $from_time, $as_of, $users_at_once
-- reads: active_users, quiet_users, candidate_users
with due as (
    select
        active_users.user_id,
        active_users.batch_id,
        case
            when candidate_users.window_end <= coalesce(cast($from_time as timestamp), cast($as_of as timestamp))
                then 'backfill'
            else 'activity'
        end as scored_because
    from active_users
    inner join candidate_users on active_users.user_id = candidate_users.user_id
    union all
    select
        user_id,
        batch_id,
        max(scored_because) as scored_because
    from quiet_users
    where user_id not in (select active_users.user_id from active_users)
    group by user_id, batch_id
)

select
    *,
    (row_number() over (order by user_id) - 1) // $users_at_once as part
from due
