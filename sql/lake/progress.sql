-- One row per stage: the last micro-batch it has processed. Compared and set in the stage's own transaction.
-- params: none
create table if not exists progress (
    stage varchar not null,
    batch_id bigint not null,
    updated_at timestamp not null
)
