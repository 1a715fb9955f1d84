-- One row per data file whose hash is kept in the table: those of commits whose snapshots may be gone.
-- params: none
select
    path,
    sha256
from lake.main.file_hashes
