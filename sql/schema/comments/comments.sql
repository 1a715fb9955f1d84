-- One row per table, view and column of the use case: its comment. A table and a view have an empty column.
-- params: none
with everything as (
    select
        database_name,
        schema_name,
        table_name,
        '' as column_name,
        comment
    from duckdb_tables()
    union all
    select
        database_name,
        schema_name,
        view_name as table_name,
        '' as column_name,
        comment
    from duckdb_views()
    union all
    select
        database_name,
        schema_name,
        table_name,
        column_name,
        comment
    from duckdb_columns()
)

select
    table_name,
    column_name,
    comment
from everything
where database_name = 'lake' and schema_name = current_schema()
