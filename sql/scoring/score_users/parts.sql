-- One row: in how many parts the users to score are.
-- params: none
-- reads: due_users
select coalesce(max(part) + 1, 0) as parts
from due_users
