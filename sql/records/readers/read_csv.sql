-- One row per record of a CSV file with a header, before which blank lines may be: the wanted columns, as text.
-- params: $path, $delimiter, $structure, $wanted, $blank_lines
select columns(lambda name: list_contains($wanted, name))
from
    read_csv(
        $path,
        auto_detect = false,
        header = true,
        skip = $blank_lines,
        delim = $delimiter,
        quote = '"',
        escape = '"',
        nullstr = '',
        columns = $structure,
        hive_partitioning = false
    )
