-- One row per data file of the whole lake whose commit is older than the last maintenance, with its hash when it was
-- written. Younger ones are in the messages of their commits.
-- params: none
create table if not exists lake.main.file_hashes (
    path varchar not null, -- path of the Parquet file
    sha256 varchar not null -- hash of its bytes when it was written
)
