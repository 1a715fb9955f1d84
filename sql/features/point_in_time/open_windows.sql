-- One row per window at hand: kept, as windows_at_cutoff takes the name.
-- params: none
select *
from windows
