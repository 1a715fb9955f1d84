-- One row per stage, and per bucket of users where a stage works by users: the last micro-batch that it has processed.
-- Compared and set in the stage's own transaction.
-- params: none
create table if not exists checkpoints (
    stage varchar not null,
    bucket integer,
    batch_id bigint not null,
    updated_at timestamp not null
)
