-- One row per raw event of any type, typed, as received. Times are UTC. Firstday adds the last three columns.
-- params: none
create table if not exists events (
    event_id varchar,
    user_id varchar not null,
    event_type varchar not null,
    event_time timestamp not null,
    name varchar,
    date_of_birth date,
    street_address varchar,
    city varchar,
    country varchar,
    postcode varchar,
    affiliate_url varchar,
    campaign varchar,
    label integer,
    amount decimal(18, 2),
    bet_amount decimal(18, 2),
    win_amount decimal(18, 2),
    batch_id bigint not null,
    ingested_at timestamp not null,
    source_file varchar not null
)
