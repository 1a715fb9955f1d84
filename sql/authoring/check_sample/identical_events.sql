-- One row per event type with events that are equal in every column and have no event_id: the number of its events, and
-- of those that are not counted, as an equal one is.
-- params: none
-- reads: events
with contents as (
    select
        * exclude (batch_id, ingested_at, source_file),
        count(*) as copies
    from events
    where event_id is null
    group by all
)

select
    event_type,
    cast(sum(copies) as bigint) as event_count,
    cast(sum(copies - 1) as bigint) as uncounted
from contents
group by event_type
having sum(copies - 1) > 0
order by event_type
