-- Notes that a target has failed.
-- params: $target, $failures, $now, $retry_at, $error
insert into delivery_failures
values ($target, $failures, $now, $retry_at, $error)
