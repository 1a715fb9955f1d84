-- Begins a stage's progress before the first micro-batch.
-- params: $stage, $now
insert into checkpoints (stage, batch_id, updated_at)
values ($stage, 0, $now)
