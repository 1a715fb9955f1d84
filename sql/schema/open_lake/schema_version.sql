-- One row: the newest schema version that the lake was made ready for.
-- params: none
select coalesce(max(schema_version), 1) as schema_version
from schema_history
