-- One row per experiment of a target: its holdout, and when it ran.
-- params: none
create table if not exists experiments (
    experiment varchar not null,
    target varchar not null,
    salt varchar not null,
    share double not null,
    horizon_days double,
    started_at timestamp not null,
    ended_at timestamp
)
