-- Empty: the shape of the events in scope.
-- params: none
select *
from events
limit 0
