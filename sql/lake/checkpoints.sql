-- One row per stage, and per bucket of users for stages that work by user: the last processed micro-batch.
-- Updated by compare and set in the stage's own transaction.
-- as_of: the moment up to which users have been scored for their silence; null in the other stages.
-- params: none
create table if not exists checkpoints (
    stage varchar not null,
    bucket integer,
    batch_id bigint not null,
    as_of timestamp,
    updated_at timestamp not null
)
