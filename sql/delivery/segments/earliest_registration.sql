-- The earliest registration of the users in due_predictions, null without one.
-- params: none
-- reads: due_predictions, users
select min(users.registered_at) as registered_at
from users
where users.user_id in (select due_predictions.user_id from due_predictions)
