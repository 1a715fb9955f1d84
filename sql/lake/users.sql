-- One row per user with an event: the columns of registrations.sql, and the window.
-- registered_at is null for a user without a registration, window_start and window_end until the window opens.
-- params: none
create table if not exists users as
select
    registrations.*,
    cast(null as timestamp) as window_start,
    cast(null as timestamp) as window_end,
    cast(null as timestamp) as first_seen_at,
    cast(null as timestamp) as last_seen_at,
    cast(null as bigint) as batch_id
from registrations
limit 0
