-- One row per data file whose hash is in the message of the commit that added it, as long as its snapshot is kept.
-- params: none
with committed as (
    select json_extract(commit_extra_info, '$.files') as files
    from ducklake_snapshots('lake')
    where json_valid(commit_extra_info)
),

paths as (
    select
        files,
        unnest(json_keys(files)) as path
    from committed
    where files is not null
)

select
    path,
    json_extract_string(files, '$."' || path || '"') as sha256
from paths
