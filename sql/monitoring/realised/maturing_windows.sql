-- One row per user whose label became known lately, of one with several any of them: their window. Labels are known
-- from $label_seconds to $all_seconds after the opening. A sample that is the same every time, where there are more
-- than $row_limit.
-- params: $known_from, $known_upto, $window_seconds, $label_seconds, $all_seconds, $row_limit
select
    user_id,
    window_start,
    window_start + to_seconds($window_seconds) as window_end,
    closed_at
from users
where
    registered_at is not null
    and window_start + to_seconds($all_seconds) > $known_from
    and window_start + to_seconds($label_seconds) <= $known_upto
order by hash(user_id), user_id
limit $row_limit
