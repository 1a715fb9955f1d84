-- One row per record of a CSV file that was read record by record: the wanted columns, and the record itself.
-- params: $wanted
select columns(lambda name: list_contains($wanted, name) or name in ('line_number', 'line', 'header'))
from records
