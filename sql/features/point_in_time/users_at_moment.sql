-- One row per user in scope; their window ends at their moment at the latest, as what is asked is how they were then.
-- All were at risk then: no moment is after a closing event.
-- params: none
select
    users.* replace (
        least(windows.window_end, moments.as_of) as window_end,
        cast(null as timestamp) as closed_at
    )
from users
left join windows on users.user_id = windows.user_id
left join moments on users.user_id = moments.user_id
