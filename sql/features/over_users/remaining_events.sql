-- One row per raw event in files of which rows were deleted: what is left of them.
-- params: $data_files
select *
from events
where list_contains($data_files, filename)
