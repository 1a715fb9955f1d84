-- One row per line: its fields, all null if the line is not a JSON object, and the line itself.
-- params: $structure
with parsed as (
    select
        line_number,
        line,
        case when json_valid(line) and json_type(line) = 'OBJECT' then from_json(line, $structure) end as fields
    from lines
)

select
    line_number,
    line,
    cast(null as varchar) as header,
    fields is not null as is_object,
    unnest(fields)
from parsed
