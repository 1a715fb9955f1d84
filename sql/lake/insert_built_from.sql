-- Notes that the lake is ready for these statements.
-- params: $sql_sha256, $now
insert into built_from
values ($sql_sha256, $now)
