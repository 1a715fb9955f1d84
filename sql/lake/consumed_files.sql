-- One row per consumed landing file: the same bytes are never stored twice. Its files are sorted by the hash.
-- params: none
create table if not exists consumed_files (
    source_file varchar not null, -- name of the landing file
    bytes bigint not null, -- its size
    sha256 varchar not null, -- hash of its bytes
    rows_stored bigint not null, -- valid rows
    rows_rejected bigint not null, -- rejected rows
    batch_id bigint not null, -- micro-batch that stored it
    quarantined_ns bigint -- of a file that went to quarantine: the time of its last status change
)
