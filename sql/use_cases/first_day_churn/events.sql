-- One row per raw event of any type, typed, as received. Times are UTC. Firstday adds the last three columns.
-- params: none
create table if not exists events (
    event_id varchar, -- id of the source, if it has one: counts once
    user_id varchar not null, -- user
    event_type varchar not null, -- one of the events in the YAML
    event_time timestamp not null, -- when it happened
    name varchar, -- personal
    date_of_birth date, -- personal
    street_address varchar, -- personal
    city varchar, -- personal
    country varchar, -- of a registration
    postcode varchar, -- of a registration: key of the enrichment
    affiliate_url varchar, -- of a registration
    campaign varchar, -- of a registration
    label integer, -- of a registration: 1 for a churner, where known
    amount decimal(18, 2), -- of a purchase
    bet_amount decimal(18, 2), -- of a bet
    win_amount decimal(18, 2), -- of a win
    batch_id bigint not null, -- micro-batch that stored it
    ingested_at timestamp not null, -- when it was stored
    source_file varchar not null -- landing file it came in
)
