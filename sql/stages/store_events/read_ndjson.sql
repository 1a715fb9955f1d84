-- One row per line of a newline-delimited JSON file in which every line is an object; an error otherwise.
-- Of a key that an object repeats the first counts.
-- params: $path, $columns
select *
from read_json($path, columns = $columns, format = 'newline_delimited', records = 'true', hive_partitioning = false)
