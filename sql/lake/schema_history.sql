-- One row per change of the statements: their hash, when the lake was migrated to them, and the schema version.
-- params: none
create table if not exists schema_history (
    sql_sha256 varchar not null, -- hash of the statements
    built_at timestamp not null, -- when the lake was migrated to them
    schema_version bigint -- version of the tables
)
