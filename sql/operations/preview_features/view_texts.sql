-- One row per version of the view of features that the catalog still has, the newest first, as DuckDB writes it.
-- params: none
select json_deserialize_sql(json_serialize_sql(views.sql)) as text
from __ducklake_metadata_lake.ducklake_view as views
inner join __ducklake_metadata_lake.ducklake_schema as schemas on views.schema_id = schemas.schema_id
where schemas.schema_name = current_schema() and views.view_name = 'user_features'
order by views.begin_snapshot desc
