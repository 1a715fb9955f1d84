-- Writes users_now, which holds each key once.
-- params: none
insert into users by name
select *
from users_now
