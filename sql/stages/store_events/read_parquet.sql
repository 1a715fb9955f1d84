-- One row per row of a Parquet file: the columns that are wanted.
-- params: $path, $wanted
select columns(lambda name: list_contains($wanted, name))
from read_parquet($path, hive_partitioning = false)
