-- One row per consumed landing file: the same bytes are never stored twice. Its files are sorted by the hash.
-- params: none
create table if not exists consumed_files (
    source_file varchar not null,
    bytes bigint not null,
    sha256 varchar not null,
    rows_stored bigint not null,
    rows_rejected bigint not null,
    batch_id bigint not null,
    quarantined_ns bigint -- of a file that went to quarantine: the time of its last status change
)
