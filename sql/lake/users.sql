-- One row per user with an event: the columns of registrations.sql, and the window.
-- registered_at is null for a user without a registration, window_start and window_end until the window opens. Events
-- after its end change nothing.
-- params: none
create table if not exists users as
select
    registrations.*,
    cast(null as timestamp) as window_start, -- first opening event; null until then
    cast(null as timestamp) as window_end, -- end of the window; null until it opens
    cast(null as timestamp) as closed_at, -- first closing event in the window: at risk no longer; null until then
    cast(null as timestamp) as first_seen_at, -- earliest event
    cast(null as timestamp) as last_seen_at, -- latest event, until the window's end
    cast(null as bigint) as batch_id -- last micro-batch with such an event
from registrations
limit 0
