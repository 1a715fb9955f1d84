-- One row: a SELECT as DuckDB writes it, without comments.
-- params: $text
select json_deserialize_sql(json_serialize_sql($text)) as text
