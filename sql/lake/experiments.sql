-- One row per experiment of a target: its holdout, and when it ran.
-- params: none
create table if not exists experiments (
    experiment varchar not null, -- <target>-<salt>-<share>
    target varchar not null, -- name of the target in the YAML
    salt varchar not null, -- what the draw depends on, besides the user
    share double not null, -- share of users who are held out
    horizon_days double, -- days after which its result is judged
    started_at timestamp not null, -- first decision
    ended_at timestamp -- when the YAML had another experiment; null while it runs
)
