-- One row per rejected row of a landing file, as it was read, with the rule it broke.
-- header: the first line of its CSV file. replayed_in: the micro-batch that stored it in a replay.
-- params: none
create table if not exists rejected_events (
    batch_id bigint not null,
    source_file varchar not null,
    row_number bigint,
    reason varchar not null,
    raw varchar,
    rejected_at timestamp not null,
    header varchar,
    replayed_in bigint
)
