-- Deletes users outside the segment from the due predictions.
-- params: none
-- reads: due_predictions, segment_users
delete from due_predictions
where user_id not in (select segment_users.user_id from segment_users)
