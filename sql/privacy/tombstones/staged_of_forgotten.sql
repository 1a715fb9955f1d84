-- One row per staged file and forgotten user: how many of the user's events it brought.
-- params: none
select
    source_file,
    user_id,
    count(*) as row_count
from staged_events
where user_id in (select user_id from forgotten_at_hand)
group by source_file, user_id
