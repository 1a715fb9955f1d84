-- One row per user with a due prediction in a micro-batch: the logged features that it was made from.
-- params: $batch_id
-- reads: due_predictions, predictions
select *
from predictions
where batch_id = $batch_id and user_id in (select due_predictions.user_id from due_predictions)
qualify row_number() over (partition by user_id order by scored_at desc) = 1
order by user_id
