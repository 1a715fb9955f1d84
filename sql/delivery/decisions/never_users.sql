-- One row per user who must not be reached at a moment: by the latest row of a table of exclusions, or as they are at
-- risk no longer.
-- params: $moment
-- reads: never_rows, users
with latest as (
    select
        user_id,
        until,
        row_number() over (partition by user_id order by batch_id desc, until desc nulls first) as place
    from never_rows
)

select user_id
from latest
where place = 1 and (until is null or until > $moment)
union
select user_id
from users
where closed_at is not null
