-- One row per user at hand who is forgotten.
-- params: none
select user_id
from forgotten_at_hand
order by user_id
