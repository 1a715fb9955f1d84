-- One row per user with several outcomes: their number.
-- params: none
-- reads: outcomes
select
    user_id,
    count(*) as found
from outcomes
group by user_id
having count(*) > 1
order by user_id
