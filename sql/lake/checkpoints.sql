-- One row per stage: the last processed micro-batch. Updated by compare and set in the stage's own transaction.
-- params: none
create table if not exists checkpoints (
    stage varchar not null, -- stage of process_events, monitor_model, or delivery to a target
    batch_id bigint not null, -- last micro-batch the stage has processed
    as_of timestamp, -- moment up to which users have been scored for their silence; null in the other stages
    updated_at timestamp not null -- when the checkpoint was committed
)
