-- One row per alert that somebody has acknowledged or muted: until it is over, or until a time.
-- params: none
create table if not exists alert_states (
    alert varchar not null, -- the alert's sentence without measured values
    state varchar not null, -- acknowledged or muted
    changed_at timestamp not null, -- when
    changed_by varchar not null, -- name of the user in Airflow, or cli
    muted_until timestamp -- of a muted alert
)
