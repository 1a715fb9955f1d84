-- Compare and set: moves a stage's progress if it still says what the stage read. Touches one row or none.
-- params: $stage, $after, $upto, $now
update progress
set batch_id = $upto, updated_at = $now
where stage = $stage and batch_id = $after
