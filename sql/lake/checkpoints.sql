-- One row per stage, and per bucket of users for stages that work by user: the last processed micro-batch.
-- Updated by compare and set in the stage's own transaction.
-- params: none
create table if not exists checkpoints (
    stage varchar not null,
    bucket integer,
    batch_id bigint not null,
    updated_at timestamp not null
)
