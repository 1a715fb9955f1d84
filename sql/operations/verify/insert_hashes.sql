-- Keeps the hashes that would go with the messages of old commits.
-- params: none
insert into lake.main.file_hashes
select
    path,
    sha256
from kept_hashes
where
    path in (select known_files.path from known_files)
    and path not in (select file_hashes.path from lake.main.file_hashes)
