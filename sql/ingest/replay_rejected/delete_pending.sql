-- Deletes rejected rows pending replay with a prefix of their reason.
-- params: $reason
delete from rejected_events
where replayed_in is null and starts_with(reason, $reason)
