-- Notes that the lake is ready for these statements.
-- params: $sql_sha256, $schema_version, $now
insert into schema_history (sql_sha256, built_at, schema_version)
values ($sql_sha256, $now, $schema_version)
