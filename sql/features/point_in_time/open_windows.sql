-- One row per window of the current users: a copy, as windows_at_moment replaces the name.
-- params: none
select *
from windows
