-- One row per line of a CSV file with a header; all columns as text. The delimiter is found by DuckDB.
-- params: $path
select *
from read_csv($path, header = true, all_varchar = true, normalize_names = false)
