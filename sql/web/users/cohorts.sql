-- One row per column of recent registrations and value: the number of users.
-- params: $since, $registering, $columns
with registrations as (
    select
        user_id,
        to_json(events) as document
    from events
    where event_time >= $since and list_contains($registering, event_type)
),

named as (
    select
        user_id,
        document,
        unnest($columns) as column_name
    from registrations
)

select
    column_name,
    json_extract_string(document, '$."' || column_name || '"') as value,
    count(distinct user_id) as users
from named
where value is not null
group by column_name, value
order by column_name asc, users desc, value asc
