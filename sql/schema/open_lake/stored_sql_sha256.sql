-- One row: the hash of the statements the lake was last migrated to; null before the first.
-- params: none
select arg_max(sql_sha256, built_at) as sql_sha256
from schema_history
