-- Merges the small files that minutes leave in each partition.
-- params: none
call ducklake_merge_adjacent_files('lake')
