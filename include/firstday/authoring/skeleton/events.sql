-- One row per raw event of any type, typed, as received. Times are UTC. Firstday adds the last three columns.
-- params: none
create table if not exists events (
    event_id varchar,
    user_id varchar not null,
    event_type varchar not null,
    event_time timestamp not null,
${columns}    batch_id bigint not null,
    ingested_at timestamp not null,
    source_file varchar not null
)
