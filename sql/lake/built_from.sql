-- One row per change of the statements: their hash, and when the lake was made ready for them.
-- params: none
create table if not exists built_from (
    sql_sha256 varchar not null,
    built_at timestamp not null
)
