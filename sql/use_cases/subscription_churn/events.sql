-- One row per raw event of any type, typed, as received. Times are UTC. Firstday adds the last three columns.
-- params: none
create table if not exists events (
    event_id varchar, -- id of the source, if it has one: counts once
    user_id varchar not null, -- user
    event_type varchar not null, -- one of the events in the YAML
    event_time timestamp not null, -- when it happened
    plan varchar,
    amount decimal(18, 2),
    topic varchar,
    batch_id bigint not null, -- micro-batch that stored it
    ingested_at timestamp not null, -- when it was stored
    source_file varchar not null -- landing file it came in
)
