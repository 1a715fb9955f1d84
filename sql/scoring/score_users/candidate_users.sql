-- One row per user at risk whose window had not ended before $ended_from: all who can be scored are among them.
-- params: $ended_from
-- reads: users
select *
from users
where closed_at is null and window_end >= $ended_from
