-- One row: when this use case's part of the lake was made.
-- params: none
select min(built_at) as made_at
from schema_history
