-- One row per table and view of the use case.
-- params: none
select
    table_name,
    table_type = 'VIEW' as is_view
from information_schema.tables
where table_catalog = 'lake' and table_schema = current_schema()
order by table_name
