-- One row per record of a CSV file with a header: the wanted columns, as text.
-- params: $path, $delimiter, $structure, $wanted
select columns(lambda name: list_contains($wanted, name))
from
    read_csv(
        $path,
        auto_detect = false,
        header = true,
        delim = $delimiter,
        quote = '"',
        escape = '"',
        nullstr = '',
        columns = $structure,
        hive_partitioning = false
    )
