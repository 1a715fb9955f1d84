-- Writes feature_state_now, which holds each key once.
-- params: none
insert into feature_state by name
select *
from feature_state_now
