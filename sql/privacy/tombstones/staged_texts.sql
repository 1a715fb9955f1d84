-- One row per staged rejected row: its position and its text.
-- params: none
select
    rowid as staged_row,
    source_file,
    raw
from staged_rejects
where raw is not null
