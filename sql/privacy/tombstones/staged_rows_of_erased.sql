-- One row per staged file and forgotten user: how many of the user's events it brought.
-- params: none
select
    source_file,
    user_id,
    count(*) as row_count
from staged_events
where user_id in (select user_id from erased_users_in_batch)
group by source_file, user_id
