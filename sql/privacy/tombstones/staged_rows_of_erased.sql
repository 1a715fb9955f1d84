-- One row per staged file and erased user: the number of the user's events in it.
-- params: none
select
    source_file,
    user_id,
    count(*) as row_count
from staged_events
where user_id in (select user_id from erased_users_in_batch)
group by source_file, user_id
