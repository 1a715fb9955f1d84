-- One row per line of newline-delimited JSON files in which every line is an object; an error otherwise.
-- If an object repeats a key, the first value counts.
-- params: $paths, $columns, $path_column
select *
from
    read_json(
        $paths,
        columns = $columns,
        format = 'newline_delimited',
        records = 'true',
        filename = $path_column,
        hive_partitioning = false
    )
