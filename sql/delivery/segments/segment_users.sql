-- One row per user of a segment, by the events and predictions of micro-batches up to one: each of the columns has one
-- of its values in a registering event, and each of the features of the latest prediction is in its range.
-- $since: the registering events and predictions that count. $segment: JSON of the segment in the YAML.
-- params: $segment, $registering, $since, $upto
with columns as (
    select
        name,
        cast(json_extract($segment, '$.registration."' || name || '"') as varchar[]) as expected
    from (select unnest(json_keys($segment, '$.registration')) as name) as named
),

ranges as (
    select
        name,
        cast(json_extract($segment, '$.features."' || name || '".at_least') as double) as at_least,
        cast(json_extract($segment, '$.features."' || name || '".below') as double) as below
    from (select unnest(json_keys($segment, '$.features')) as name) as named
),

registrations as (
    select
        user_id,
        to_json(events) as document
    from events
    where
        exists (select 1 from columns)
        and batch_id <= $upto
        and event_time >= $since
        and list_contains($registering, event_type)
),

met_columns as (
    select
        registrations.user_id,
        count(distinct columns.name) as met
    from registrations
    cross join columns
    where list_contains(columns.expected, json_extract_string(registrations.document, '$."' || columns.name || '"'))
    group by registrations.user_id
),

latest as (
    select
        user_id,
        to_json(arg_max(predictions, batch_id)) as document
    from predictions
    where exists (select 1 from ranges) and batch_id <= $upto and scored_at >= $since
    group by user_id
),

feature_values as (
    select
        latest.user_id,
        ranges.at_least,
        ranges.below,
        cast(json_extract(latest.document, '$."' || ranges.name || '"') as double) as value
    from latest
    cross join ranges
),

met_ranges as (
    select
        user_id,
        count(*) as met
    from feature_values
    where (at_least is null or value >= at_least) and (below is null or value < below) and value is not null
    group by user_id
)

select users.user_id
from users
left join met_columns on users.user_id = met_columns.user_id
left join met_ranges on users.user_id = met_ranges.user_id
where
    users.registered_at is not null
    and coalesce(met_columns.met, 0) = (select count(*) from columns)
    and coalesce(met_ranges.met, 0) = (select count(*) from ranges)
    and (
        json_array_length($segment, '$.registered_hours') = 0
        or list_contains(cast(json_extract($segment, '$.registered_hours') as integer[]), hour(users.registered_at))
    )
order by users.user_id
