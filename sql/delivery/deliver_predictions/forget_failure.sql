-- A target is well again, or is about to be noted anew.
-- params: $target
delete from failing_targets
where target = $target
