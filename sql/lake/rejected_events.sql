-- One row per rejected row of a landing file, as it was read, with the rule it broke.
-- params: none
create table if not exists rejected_events (
    batch_id bigint not null, -- micro-batch that rejected it
    source_file varchar not null, -- name of the landing file
    row_number bigint, -- row or line of the file
    reason varchar not null, -- broken rule: field, expected, found
    raw varchar, -- the row as it was read
    rejected_at timestamp not null, -- when it was rejected
    header varchar, -- first line of its CSV file
    replayed_in bigint, -- micro-batch that stored it in a replay, 0 of a dismissed row
    held_until timestamp -- time of an event ahead of the clock: a micro-batch after it stores it; else null
)
