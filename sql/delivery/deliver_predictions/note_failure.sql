-- Notes that a target has failed.
-- params: $target, $failures, $now, $retry_at, $error
insert into failing_targets
values ($target, $failures, $now, $retry_at, $error)
