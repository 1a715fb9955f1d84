-- One row per user seen: what registrations.sql keeps of their registration, and their window.
-- A user without a registration has registered_at null. window_start is null until the window opens.
-- params: none
create table if not exists users as
select
    registrations.*,
    cast(null as timestamp) as window_start,
    cast(null as timestamp) as first_seen_at,
    cast(null as timestamp) as last_seen_at,
    cast(null as bigint) as batch_id
from registrations
limit 0
