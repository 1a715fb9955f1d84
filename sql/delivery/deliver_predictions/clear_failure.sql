-- A target is well again, or is about to be noted anew.
-- params: $target
delete from delivery_failures
where target = $target
