-- One row per record of a CSV file that was read record by record: the wanted columns, and the record itself.
-- params: $wanted
select columns(lambda name: list_contains($wanted, name) or name in ('_row_number', '_line', '_header'))
from records
