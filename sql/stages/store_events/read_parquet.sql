-- One row per row of a Parquet file.
-- params: $path
select *
from read_parquet($path)
