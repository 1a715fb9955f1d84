-- Drops the hashes of files that the catalog needs no more.
-- params: none
delete from lake.main.file_hashes
where path not in (select known_files.path from known_files)
