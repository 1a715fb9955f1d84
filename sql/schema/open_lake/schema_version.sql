-- One row: the latest schema version of the lake.
-- params: none
select coalesce(max(schema_version), 1) as schema_version
from schema_history
