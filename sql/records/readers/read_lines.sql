-- One row per line: its fields, all null if the line is not a JSON object, and the line itself.
-- params: $structure
with parsed as (
    select
        _row_number,
        _line,
        case when json_valid(_line) and json_type(_line) = 'OBJECT' then from_json(_line, $structure) end as fields
    from lines
)

select
    _row_number,
    _line,
    cast(null as varchar) as _header,
    fields is not null as _is_object,
    unnest(fields)
from parsed
