-- One row per event type after which all users of the training set have the same label at their last moment: how many
-- users these are, and how many of all users have that label. Where those are few and these are many, the event decides
-- the label.
-- params: none
-- reads: training_rows, events
with known_users as (
    select
        user_id,
        min(window_start) as window_start,
        max(as_of) as last_moment,
        arg_max(label, as_of) as label
    from training_rows
    group by user_id
),

preceded as (
    select distinct
        events.event_type,
        known_users.user_id,
        known_users.label
    from events
    inner join known_users
        on
            events.user_id = known_users.user_id
            and events.event_time between known_users.window_start and known_users.last_moment
),

decided as (
    select
        event_type,
        count(*) as users,
        min(label) as label
    from preceded
    group by event_type
    having min(label) = max(label)
)

select
    decided.event_type,
    decided.users,
    decided.label,
    count(*) filter (where known_users.label = decided.label) as users_with_label,
    count(*) as all_users
from decided
cross join known_users
group by decided.event_type, decided.users, decided.label
order by decided.event_type
