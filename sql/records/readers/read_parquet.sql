-- One row per row of Parquet files with the same schema: the wanted columns.
-- params: $paths, $wanted, $path_column
select columns(lambda name: list_contains($wanted, name))
from read_parquet($paths, filename = $path_column, hive_partitioning = false)
